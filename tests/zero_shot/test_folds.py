"""The origins at which methods that have seen no row are judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.panel import offsets_of
from forecast.zero_shot.folds import MOST, MOST_SERIES, actual_after, fold_origins


def test_origins_lie_a_horizon_apart_where_the_rows_allow():
    offsets = np.array([0, 100])
    assert fold_origins(offsets, 10, 3).tolist() == [89, 79, 69]
    assert fold_origins(offsets, 10, 0).tolist() == []
    assert sorted(fold_origins(offsets, 10, 9).tolist()) == [49, 59, 69, 79, 89]


def test_a_single_series_has_more_origins_closer_together():
    origins = np.sort(fold_origins(np.array([0, 40]), 12))
    assert origins[-1] == 27
    assert origins[0] >= 19
    assert len(origins) > 3


def test_a_series_shorter_than_two_horizons_is_judged_on_fewer_steps():
    origins = fold_origins(np.array([0, 10]), 8, 3)
    assert origins.tolist() == [4]
    values = np.arange(20.0)[:, None]
    actual = actual_after(values, np.array([0, 10, 20]), origins, 8)
    np.testing.assert_array_equal(actual[0, :, 0], [5, 6, 7, 8, 9, *[np.nan] * 3])


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_series_of_hardly_any_rows_are_not_judged(rows):
    assert not len(fold_origins(np.array([0, rows]), 5))


def test_of_many_series_some_are_looked_at():
    series = 5 * MOST_SERIES
    offsets = offsets_of(np.full(series, 30))
    chosen = np.unique(fold_origins(offsets, 4) // 30)
    assert len(chosen) == MOST_SERIES
    assert chosen[-1] > 0.99 * series - 10


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.integers(1, 20),
    st.none() | st.integers(0, 5),
)
def test_half_of_the_rows_lie_before_any_origin_and_a_row_behind(lengths, horizon, folds):
    offsets = offsets_of(np.array(lengths))
    origins = fold_origins(offsets, horizon, folds)
    series = np.searchsorted(offsets, origins, side="right") - 1
    before = origins + 1 - offsets[series]
    assert (before >= np.maximum(3, np.array(lengths)[series] / 2)).all()
    assert (before < np.array(lengths)[series]).all()
    assert np.bincount(series, minlength=1).max() <= (MOST if folds is None else folds)
    assert len(np.unique(origins)) == len(origins)
