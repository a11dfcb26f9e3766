"""The seasonal scale by hand and against a loop over known pairs."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.scale import mase_scale, running_scale, training_scale


def test_scale_by_hand_reads_training_rows_only():
    values = np.array([1.0, 3.0, 2.0, 7.0, 100.0, -100.0, 10.0, 20.0, 40.0])[:, None]
    offsets, train = np.array([0, 6, 9]), np.array([[0, 4], [6, 9]])
    one, two = (training_scale(values, offsets, train, season) for season in (1, 2))
    np.testing.assert_allclose(one.absolute, [[(2 + 1 + 5) / 3], [(10 + 20) / 2]])
    np.testing.assert_allclose(one.squared, [[(4 + 1 + 25) / 3], [(100 + 400) / 2]])
    np.testing.assert_allclose(two.absolute, [[(1 + 4) / 2], [30]])
    np.testing.assert_allclose(two.squared, [[(1 + 16) / 2], [900]])
    np.testing.assert_allclose(one.center, [[13 / 4], [70 / 3]])


def test_scale_is_unknown_without_a_season_of_rows_or_without_change():
    values = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    offsets, train = np.array([0, 4]), np.array([[0, 3]])
    for part in ("absolute", "squared"):
        found = getattr(training_scale(values, offsets, train, 1), part)
        np.testing.assert_array_equal(found, [[1, math.nan]])
        for season in (3, 4, 9):
            assert np.isnan(getattr(training_scale(values, offsets, train, season), part)).all()
    unknown = training_scale(np.full((4, 1), math.nan), offsets, train, 1)
    np.testing.assert_array_equal(unknown.center, [[0]])


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_mase_scale_equals_a_loop_over_known_pairs(seed: int, season: int):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(size=(int(offsets[-1]), 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    train = np.column_stack([offsets[:-1], rng.integers(offsets[:-1], offsets[1:] + 1)])
    expected = np.full((3, 2), np.nan)
    for number, (first, end) in enumerate(train):
        for column in range(2):
            changes = [
                abs(values[row, column] - values[row - season, column])
                for row in range(first + season, end)
            ]
            known = [change for change in changes if not math.isnan(change)]
            if known:
                expected[number, column] = sum(known) / len(known)
    np.testing.assert_allclose(mase_scale(values, offsets, train, season), expected, rtol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(-300, 300))
def test_the_scale_up_to_a_row_is_that_of_a_table_that_ends_there(seed, season, log_unit):
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, *rng.integers(1, 9, 4)])
    values = rng.normal(size=(int(offsets[-1]), 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[: offsets[2]] *= 10.0**log_unit  # series of any size stand side by side
    found = running_scale(values, offsets, season)
    for row in range(len(values)):
        series = np.searchsorted(offsets, row, side="right") - 1
        rows = np.array([[offsets[series], row + 1]])
        one, whole = values[offsets[series] : row + 1], np.array([0, row + 1 - offsets[series]])
        expected = mase_scale(one, whole, rows - offsets[series], season)[0]
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)
