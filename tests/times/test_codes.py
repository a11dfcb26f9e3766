"""Integer times that are codes of years, weeks or clocks are no counts of rows."""

import numpy as np
import pandas as pd
import pytest

from forecast.errors import DataError
from forecast.times.codes import refuse_centuries, refuse_turns
from tests.data.helpers import read_frame
from tests.helpers import refusal

WEEKS = pd.date_range("2019-01-07", periods=200, freq="7D").isocalendar()
MINUTES = np.arange(300)


@pytest.mark.parametrize(
    ("values", "turn"),
    [
        (WEEKS["year"] % 100 * 100 + WEEKS["week"], "2001 comes after 1952"),
        (MINUTES // 60 * 100 + MINUTES % 60, "100 comes after 59"),
        (MINUTES // 12 * 100 + MINUTES % 12 * 5, "100 comes after 55"),
        (600 + MINUTES // 4 * 10 + MINUTES % 4 + 1, "611 comes after 604"),
        (9501 + MINUTES // 12 * 100 + MINUTES % 12, "9601 comes after 9512"),
        (23001 + MINUTES // 100 * 1000 + MINUTES % 100 * 3, "24001 comes after 23298"),
    ],
)
def test_last_digits_that_begin_anew_are_refused(values, turn):
    table = pd.DataFrame({"ds": np.asarray(values, dtype=np.int64), "y": 1.0})
    for frame in (table, table.astype({"ds": str})):
        message = refusal(read_frame, frame, missing="interpolate", error=DataError)
        assert f"a code rather than a count, for {turn}; write 2024-W05" in message
    assert len(read_frame(table, missing="interpolate", frequency=1).values) > len(table)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(300),
        np.arange(0, 3000, 50),
        np.arange(0, 3000, 25),
        np.delete(np.arange(0, 3000, 50), 7),
        np.delete(np.arange(0, 900), np.arange(480, 600)),
        np.arange(0, 9000, 100),
        np.array([1, 2, 3, 4, 10, 11, 12]),
        np.array([5]),
        np.arange(-100, 300),
    ],
    ids=str,
)
def test_counts_with_and_without_gaps_are_no_codes(values):
    refuse_turns(values.astype(np.int64), "")


def test_years_that_go_on_from_99_to_00():
    years = np.array([98, 99, 0, 1])
    one, two = np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 1])
    for values in (years, years[::-1].copy()):
        assert "years without their century" in refusal(refuse_centuries, values, one, "")
        refuse_centuries(values, two, "")  # 98 and 99 of one series, 0 and 1 of the next
    refuse_centuries(np.arange(100), np.zeros(100, dtype=np.int64), "")
    table = pd.DataFrame({"ds": years, "y": 1.0})
    assert "years without" in refusal(read_frame, table, sort=True, frequency=1, error=DataError)
