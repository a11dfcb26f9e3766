"""Series that come too late to be trained on, against fits on the first rows of their own."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.windows import WindowConfig
from forecast.data.late import after, scaling_rows
from forecast.prepare import prepare
from tests.helpers import small_config

LOOKBACK, HORIZON, LEVEL = 6, 3, 5_000.0
RANDOM = np.random.default_rng(4)


def table(late_rows: int, first: str = "2022-01-01") -> pd.DataFrame:
    """Two series near 20 and one near 5,000 that begins later."""
    tables = []
    for name, level, begin, rows in (
        ("a", 20.0, "2020-01-01", 48),
        ("b", 25.0, "2020-01-01", 48),
        ("late", LEVEL, first, late_rows),
    ):
        months = pd.date_range(begin, periods=rows, freq="MS")
        values = level * (1 + 0.1 * RANDOM.normal(size=rows))
        tables.append(pd.DataFrame({"unique_id": name, "ds": months, "y": values}))
    return pd.concat(tables, ignore_index=True)


def prepared_with(steps, split, rows, **window):
    frame = table(rows)
    config = small_config(
        data={"short_series": "skip"},
        transforms=steps,
        split=split,
        window={"lookback": LOOKBACK, "horizon": HORIZON, **window},
    )
    return frame, prepare(config, frame)


SPLITS = {
    "date": {"validation": "2022-01-01", "test": "2023-03-01"},
    "fraction": {"validation": 0.5, "test": 0.49},
}
FITTED = ["standardize", "min_max", "robust", {"power": {"method": "yeo_johnson"}}]


@pytest.mark.parametrize("least", [None, 2])
@pytest.mark.parametrize("step", FITTED, ids=str)
@pytest.mark.parametrize("split", SPLITS)
def test_a_late_series_is_scaled_by_its_own_first_lookback(split, step, least):
    window = {} if least is None else {"least_history": least}
    if split == "fraction":
        steps, sizes = (step,), {"validation": 0.2, "test": 0.6}
    else:
        steps, sizes = ("difference", step), SPLITS["date"]
    lost = len(steps) - 1
    frame, prepared = prepared_with(steps, sizes, 20, **window)
    # The same first rows in a table of their own, all of them for training.
    own = frame[frame.unique_id == "late"].head(LOOKBACK + lost)
    alone = small_config(
        data={"frequency": "MS"},
        transforms=steps,
        split={"validation": 0, "test": 0},
        window={"lookback": 2, "horizon": 1},
    )
    expected = prepare(alone, own).pipeline.chain.states[-1][0]
    np.testing.assert_allclose(prepared.pipeline.chain.states[-1][2], expected)
    first = 2 * 48
    for part in ("validation", "test"):
        origins = prepared.windows[part].origins()
        assert (origins[origins >= first] >= first + LOOKBACK + lost - 1).all()
    held_out = [*prepared.windows["validation"].series, *prepared.windows["test"].series]
    assert 2 in held_out
    assert 2 not in prepared.windows["train"].series
    scaled = prepared.windows["test"].inputs[first + lost :]
    assert scaled.abs().max() < 20  # 5,000 on the scale of the others


@pytest.mark.parametrize("rows", [1, 3, LOOKBACK])
def test_one_of_fewer_rows_is_in_no_part_and_scaled_by_all_of_them(rows):
    frame, prepared = prepared_with(("standardize",), SPLITS["date"], rows)
    values = frame.y.to_numpy()[2 * 48 :]
    location, scale = prepared.pipeline.chain.states[0][2, 0]
    assert location == pytest.approx(values.mean())
    assert scale == pytest.approx(values.std() if rows > 1 else values[0])
    assert all(2 not in windows.series for windows in prepared.windows.values())


def test_series_with_a_training_window_are_scaled_by_training_rows_alone():
    frame, prepared = prepared_with(("standardize",), SPLITS["date"], 20)
    training = frame[(frame.unique_id == "a") & (frame.ds < "2022-01-01")].y.to_numpy()
    location, scale = prepared.pipeline.chain.states[0][0, 0]
    assert (location, scale) == pytest.approx((training.mean(), training.std()))
    np.testing.assert_array_equal(prepared.scaling_rows[:2], prepared.split.train[:2])


@st.composite
def cases(draw):
    lengths = draw(st.lists(st.integers(1, 20), min_size=1, max_size=4))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    train = np.array([[a, draw(st.integers(a, b))] for a, b in pairwise(offsets)])
    flags = st.lists(st.integers(0, 4), min_size=int(offsets[-1]), max_size=int(offsets[-1]))
    known = np.array(draw(flags), dtype=bool)
    return offsets, train, np.where(known, 1.0, np.nan)[:, None]


@given(cases(), st.integers(1, 6), st.integers(1, 3), st.integers(0, 2), st.none() | st.just(2))
def test_scaling_rows_against_a_loop(case, lookback, horizon, lost, least):
    offsets, train, values = case
    window = WindowConfig(lookback=lookback, horizon=horizon, least_history=least)
    found = scaling_rows(values, offsets, train, window, lost)
    read = lookback if least is None else min(least, lookback)
    for series, (begin, end) in enumerate(pairwise(offsets)):
        known = [row for row in range(begin, end) if not np.isnan(values[row, 0])]
        last = train[series, 1]
        if sum(row < last for row in known) < read + horizon + lost:
            first = known[0] if known else begin
            last = max(last, min(first + lookback + lost, end))
        assert found[series].tolist() == [begin, last]
    rest = after(np.column_stack([train[:, 1], offsets[1:]]), found)
    np.testing.assert_array_equal(rest, np.column_stack([found[:, 1], offsets[1:]]))
