"""Series with few rows: which hold no window, and what stands for the rows that a window lacks."""

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.config.transforms import Difference, Standardize
from forecast.config.windows import SplitConfig, WindowConfig
from forecast.data.short import padding_rows, short_series
from tests.data.test_pipeline import CONFIG, long_frame, prepared, windows_of


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 9),
    st.sampled_from([(), (Difference(),), (Difference(lag=3), Difference(), Standardize())]),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["error", "interpolate", "forward_fill"]),
    st.sampled_from([None, 1, 2]),
)
def test_short_series_are_those_without_a_training_window(
    lengths, lookback, horizon, stride, transforms, seed, missing, least
):
    frame = long_frame(lengths, seed)
    if missing != "error":
        random = np.random.default_rng(seed)
        frame.loc[random.random(len(frame)) < 0.3, "y"] = np.nan
    config = DataConfig(path="-", frequency="D", missing=missing)
    assume(max(lengths) > 5)
    panel, parts, pipeline = prepared(config, transforms, SplitConfig(validation=2, test=3), frame)
    least = None if least is None else min(least, lookback)
    train = windows_of(pipeline, panel, parts, lookback, horizon, stride, least)["train"]
    wanted = sorted(set(range(len(lengths))) - set(train.series.tolist()))
    window = WindowConfig(lookback=lookback, horizon=horizon, least_history=least)
    short = short_series(train, parts.train, window)
    assert short.tolist() == wanted
    if missing == "error":
        rows = np.array(lengths) - 5
        counted = np.flatnonzero(rows < (least or lookback) + horizon + pipeline.chain.rows_lost)
        np.testing.assert_array_equal(short, counted)


def short(panel, parts, pipeline, lookback, horizon):
    train = windows_of(pipeline, panel, parts, lookback, horizon, 1)["train"]
    window = WindowConfig(lookback=lookback, horizon=horizon)
    return short_series(train, parts.train, window).tolist()


def test_short_series_by_hand():
    panel, parts, pipeline = prepared(
        CONFIG, (Difference(),), SplitConfig(validation=1, test=2), long_frame([9, 10, 11, 3])
    )
    # Training rows 6, 7, 8, 0; one is lost to the difference, 4 + 2 make a window.
    assert short(panel, parts, pipeline, 4, 2) == [0, 3]
    assert short(panel, parts, pipeline, 5, 2) == [0, 1, 3]
    assert short(panel, parts, pipeline, 1, 1) == [3]


def test_a_series_that_begins_with_empty_cells_is_shorter():
    frame = long_frame([12, 12])
    frame.loc[:4, "y"] = np.nan
    config = DataConfig(path="-", frequency="D", missing="forward_fill")
    panel, parts, pipeline = prepared(config, (), SplitConfig(validation=0, test=0), frame)
    assert short(panel, parts, pipeline, 5, 3) == [0]
    assert short(panel, parts, pipeline, 5, 2) == []


def test_a_masked_gap_does_not_make_a_series_short():
    frame = long_frame([12, 12])
    frame.loc[1:10, "y"] = np.nan
    config = DataConfig(path="-", frequency="D", missing="mask")
    panel, parts, pipeline = prepared(config, (), SplitConfig(validation=0, test=0), frame)
    train = windows_of(pipeline, panel, parts, 5, 2, 1)["train"]
    assert short_series(train, parts.train, WindowConfig(lookback=5, horizon=2)).tolist() == []
    assert set(train.series.tolist()) == {0, 1}  # the last row is known, and scored


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=4),
    st.sampled_from([np.int32, np.int64]),
)
def test_padding_repeats_the_first_row_that_is_known(flags, dtype):
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in flags])])
    known = np.concatenate(flags)
    inputs = torch.from_numpy(np.where(known, 1.0, np.nan).astype(np.float32)[:, None])
    window = WindowConfig(lookback=4, horizon=1, least_history=2)
    found = padding_rows(inputs, offsets, window, np.dtype(dtype))
    expected = [
        first + (each.index(True) if any(each) else 0)
        for first, each in zip(offsets, flags, strict=False)
    ]
    assert found.tolist() == expected
    assert found.numpy().dtype == dtype
    assert padding_rows(inputs, offsets, WindowConfig(), np.dtype(dtype)) is None
