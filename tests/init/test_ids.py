"""Which columns name series, where nobody says so."""

import numpy as np
import pandas as pd

from tests.helpers import refusal
from tests.proposed import read_unconfigured

DAYS = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")


def panel(*names, units):
    """A row a day for each of two by three series, all of whose counts differ on a day."""
    rows = [
        (day, shop, item, units(number, shop, item))
        for shop in (1, 2)
        for item in (1, 2, 3)
        for number, day in enumerate(DAYS)
    ]
    return pd.DataFrame(rows, columns=["day", *names])


def test_counts_that_differ_on_every_day_name_no_series():
    """By chance they tell all rows of a day apart, which neither shop nor item does alone."""
    frame = panel("shop", "item", "sold", units=lambda day, s, i: 40 * s + 10 * i + day % 9)
    assert not frame.duplicated(["day", "sold"]).any()
    found = read_unconfigured(frame)
    assert (found.roles.ids, found.roles.targets) == (("shop", "item"), ("sold",))


def test_numbers_that_tell_all_rows_apart_name_many_short_series():
    frame = pd.DataFrame({"day": [*DAYS[:4]] * 20, "client": np.arange(80) // 4})
    frame["paid"] = (np.arange(80) % 7) ** 1.5
    assert read_unconfigured(frame).roles.ids == ("client",)


def test_the_only_numbers_of_rows_at_one_time_are_what_is_forecast():
    """Fines and their days, and what was sold of which goods, several times a day."""
    fines = pd.DataFrame({"day": np.repeat(DAYS, 3), "fine": [50, 100, 200] * 40})
    assert "appears twice" in refusal(read_unconfigured, fines)
    sales = pd.DataFrame({"day": np.repeat(DAYS, 6), "good": [*"aaabbb"] * 40})
    sales["sold"] = [1, 2, 3, 1, 2, 3] * 40
    assert "appears twice" in refusal(read_unconfigured, sales)
    assert read_unconfigured(fines, duplicates="sum").roles.targets == ("fine",)
