"""The calendar of integers is that of dates."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.covariates import CALENDAR
from forecast.export.covariates import PARTS, Dates, calendar_waves


def test_every_name_of_the_calendar_is_known():
    assert [*PARTS] == [*CALENDAR]


@given(st.lists(st.datetimes(pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")), min_size=1))
def test_parts_of_dates_are_those_of_pandas(moments):
    dates = pd.DatetimeIndex(moments).floor("s")
    seconds = torch.from_numpy(dates.to_numpy().astype("datetime64[s]").astype(np.int64))
    for name, (value, _) in CALENDAR.items():
        found = PARTS[name](Dates(seconds)).double()
        np.testing.assert_allclose(found, np.asarray(value(dates), dtype=float), err_msg=name)


def test_every_day_of_four_centuries_has_its_week_and_month():
    days = pd.date_range("1800-01-01", "2200-12-31", freq="D", unit="s")
    seconds = torch.from_numpy(days.to_numpy().astype(np.int64))
    names = ("day", "dayofyear", "week", "month", "quarter", "dayofweek")
    waves = calendar_waves(seconds[None], names)[0]
    wanted = []
    for name in names:
        value, period = CALENDAR[name]
        angle = 2 * np.pi * np.asarray(value(days), dtype=float) / period
        wanted += [np.sin(angle), np.cos(angle)]
    np.testing.assert_allclose(waves, np.stack(wanted, axis=1), atol=1e-12)
