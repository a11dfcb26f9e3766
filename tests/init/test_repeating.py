"""Columns that hold one value for each day, beside others that change within it."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.init.repeating import held_for_days
from tests.proposed import propose, read_unconfigured

HOURS = pd.date_range("2024-01-01", periods=24 * 20, freq="h")
RANDOM = np.random.default_rng(0)
COUNT = RANDOM.poisson(20 + 10 * np.sin(np.arange(len(HOURS)) * np.pi / 12))
OF_DAYS = RANDOM.normal(10, 3, 20).round(1)
RAIN = np.repeat(OF_DAYS, 24)
TABLE = pd.DataFrame({"ts": HOURS, "count": COUNT, "rain": RAIN})
"""Rain of the day beside counts of the hour."""


def held(frame, names=("count", "rain"), ids=()):
    return held_for_days(frame, names, "ts", None, ids)


def test_weather_of_the_day_beside_counts_of_the_hour():
    assert held(TABLE) == ("rain",)
    assert held(TABLE.sample(frac=1, random_state=0)) == ("rain",)
    assert held(TABLE.assign(ts=TABLE.ts.astype(str))) == ("rain",)
    gaps = TABLE.rain.where(TABLE.index % 5 > 0).astype("Float64")
    assert held(TABLE.assign(rain=gaps)) == ("rain",)


@pytest.mark.parametrize(
    "frame",
    [
        TABLE.assign(rain=np.roll(RAIN, 1)),
        TABLE.assign(rain=np.where(np.arange(len(RAIN)) == 475, 0.0, RAIN)),
        TABLE.head(24 * 6),
        TABLE.iloc[::12],
        TABLE.assign(rain=np.repeat([1.0, 2.0], 240)),
        TABLE.assign(ts=np.arange(len(TABLE))),
    ],
    ids=["another hour", "one other cell", "six days", "twice a day", "two values", "no dates"],
)
def test_what_is_not_held_for_days(frame):
    assert held(frame) == ()


def test_each_series_has_its_own_days():
    north, south = TABLE.assign(town="north"), TABLE.assign(town="south", rain=RAIN[::-1])
    panel = pd.concat([north, south]).sort_values("ts")
    assert held(panel) == ()
    assert held(panel, ids=("town",)) == ("rain",)


def test_they_are_not_forecast_unless_they_are_named_or_alone(caplog):
    assert read_unconfigured(TABLE).roles.targets == ("count",)
    assert read_unconfigured(TABLE.drop(columns="count")).roles.targets == ("rain",)
    left_out = "  # left out, for they hold one value a day: rain; past or future may take them"
    assert left_out in propose(TABLE).splitlines()
    assert set(forecast.quick(TABLE, folds=0).forecast["target"]) == {"count"}
    assert caplog.messages[0] == (
        "not forecast: rain; each value holds for all rows of a day; name those that are wanted"
    )
    caplog.clear()
    assert set(forecast.quick(TABLE, folds=0, target="rain").forecast["target"]) == {"rain"}
    assert not any("not forecast" in message for message in caplog.messages)
