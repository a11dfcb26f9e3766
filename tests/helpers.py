"""What tests of several rooms share: refusals, small configurations and small tables."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.tree import Config, config_from
from forecast.errors import ForecastError

SMALL = {
    "data": {"path": "data"},
    "window": {"lookback": 12, "horizon": 3},
    "split": {"validation": 9, "test": 12},
    "model": {"hidden_size": 4},
    "training": {"epochs": 2, "learning_rate": 0.01},
}
"""A configuration that trains in a moment."""


def refusal(call, *arguments, error: type[ForecastError] = ForecastError, **options) -> str:
    """The message of the error that a call ends in, which is one line and hides no other error."""
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def in_nanoseconds(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose times have the unit of forecasts, whatever unit pandas reads them in."""
    times = {name: column.dt.as_unit("ns") for name, column in table.items() if is_time(column)}
    return table.assign(**times)


def is_time(column: pd.Series) -> bool:
    """Whether a column holds times, in a zone or not."""
    return column.dtype.kind == "M"


def small_config(overrides=(), **sections) -> Config:
    """The small configuration, with the keys of these sections put in or in place."""
    merged = {
        name: {**SMALL[name], **value} if name in SMALL else value
        for name, value in sections.items()
    }
    return config_from({**SMALL, **merged}, overrides)


def wave_table(rows, start, freq, period, level, noise=1.0, seed=0):
    """A table of one noisy wave: columns ds and y."""
    times = np.arange(rows)
    wave = level * (1 + np.sin(times * 2 * np.pi / period) / 5)
    wave += np.random.default_rng(seed).normal(0, noise, rows)
    return pd.DataFrame({"ds": pd.date_range(start, periods=rows, freq=freq), "y": wave})
