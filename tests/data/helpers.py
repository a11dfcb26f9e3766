"""Panels out of frames and files, which the tests of this room share."""

import numpy as np

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from tests.tables.helpers import write


def read_frame(frame, require_targets=True, **options) -> Panel:
    return read_panel(DataConfig(path="none", **options), frame, require_targets)


def read_text(folder, text, **options) -> Panel:
    return read_panel(DataConfig(path=write(folder, text), **options))


def series_of(panel: Panel, number: int) -> np.ndarray:
    return panel.values[panel.offsets[number] : panel.offsets[number + 1]]


def assert_same(first: Panel, second: Panel, lines=True):
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.offsets, second.offsets)
    np.testing.assert_array_equal(first.starts, second.starts)
    np.testing.assert_array_equal(first.static, second.static)
    if lines:
        np.testing.assert_array_equal(first.lines, second.lines)
    names = ("ids", "axis", "columns", "num_targets", "static_columns", "categories", "has_ids")
    for name in names:
        assert getattr(first, name) == getattr(second, name), name
