"""Filling of missing values against pandas, series by series, with no look past a part's edge."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.data.missing import fill, forward_fill, interpolate

ROOT = Path(__file__).resolve().parents[2]
NAN = np.nan
cells = st.one_of(st.just(NAN), st.just(NAN), st.floats(-1e6, 1e6))


@st.composite
def panels(draw):
    """(N, C) values, offsets of series and offsets of the parts of series; parts may be empty."""
    lengths = draw(st.lists(st.integers(1, 15), min_size=1, max_size=4))
    width = draw(st.integers(1, 3))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    parts = [0]
    for first, last in pairwise(offsets):
        edges = sorted(draw(st.tuples(st.integers(first, last), st.integers(first, last))))
        parts += [*edges, int(last)]
    values = draw(arrays(np.float64, (int(offsets[-1]), width), elements=cells))
    return values, offsets, np.array(parts)


def each(values, offsets, how) -> np.ndarray:
    """Fill every stretch as a table of its own."""
    filled = [
        how(pd.DataFrame(values[first:last])).to_numpy()
        for first, last in pairwise(offsets)
        if last > first
    ]
    return np.concatenate(filled)


def straight(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.interpolate(method="linear", limit_area="inside")


@given(panels())
def test_forward_fill_is_that_of_pandas(panel):
    values, offsets, _ = panel
    before = values.copy()
    np.testing.assert_array_equal(
        forward_fill(values, offsets), each(values, offsets, lambda frame: frame.ffill())
    )
    np.testing.assert_array_equal(values, before)


@given(panels())
def test_interpolate_is_that_of_pandas_in_every_stretch(panel):
    values, offsets, parts = panel
    before = values.copy()
    for stretches in (offsets, parts):
        filled = interpolate(values, stretches)
        np.testing.assert_allclose(filled, each(values, stretches, straight), rtol=1e-9, atol=1e-6)
        known = ~np.isnan(values)
        np.testing.assert_array_equal(filled[known], values[known])
    np.testing.assert_array_equal(values, before)


@given(panels(), st.data())
def test_nothing_after_the_edge_of_a_part_changes_what_is_before(panel, data):
    values, offsets, parts = panel
    number = data.draw(st.integers(1, len(parts) - 1))
    edge = parts[number]
    series = int(np.searchsorted(offsets, edge, side="left"))
    other = values.copy()
    rest = other[edge : offsets[series]]
    rest[:] = data.draw(arrays(np.float64, rest.shape, elements=cells))
    for missing in ("interpolate", "forward_fill", "mask", "error"):
        filled, again = (fill(each, offsets, parts, missing) for each in (values, other))
        np.testing.assert_array_equal(filled[:edge], again[:edge])
        np.testing.assert_array_equal(filled[offsets[series] :], again[offsets[series] :])


@given(panels())
def test_series_do_not_see_each_other(panel):
    values, offsets, parts = panel
    for missing in ("interpolate", "forward_fill"):
        together = fill(values, offsets, parts, missing)
        for first, last in pairwise(offsets):
            own = parts[(parts >= first) & (parts <= last)] - first
            alone = fill(values[first:last], np.array([0, last - first]), own, missing)
            np.testing.assert_array_equal(together[first:last], alone)


@given(panels())
def test_interpolation_falls_back_to_the_last_known_value(panel):
    values, offsets, parts = panel
    wanted = each(each(values, parts, straight), offsets, lambda frame: frame.ffill())
    np.testing.assert_allclose(
        fill(values, offsets, parts, "interpolate"), wanted, rtol=1e-9, atol=1e-6
    )


@given(panels())
def test_only_leading_cells_stay_empty(panel):
    values, offsets, parts = panel
    for missing in ("interpolate", "forward_fill", "mask", "error"):
        filled = fill(values, offsets, parts, missing)
        for first, last in pairwise(offsets):
            known = np.logical_or.accumulate(~np.isnan(values[first:last]), axis=0)
            np.testing.assert_array_equal(~np.isnan(filled[first:last]), known)


def test_an_edge_in_a_gap_is_filled_from_before_on_both_sides():
    values = np.array([1.0, NAN, NAN, NAN, 5.0])[:, None]
    parts = np.array([0, 3, 5, 5])
    filled = fill(values, np.array([0, 5]), parts, "interpolate")
    np.testing.assert_array_equal(filled[:, 0], [1, 1, 1, 1, 5])
    within = fill(values, np.array([0, 5]), np.array([0, 5, 5, 5]), "interpolate")
    np.testing.assert_array_equal(within[:, 0], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("missing", ["forward_fill", "mask", "error"])
def test_other_choices_hold_the_last_known_value(missing):
    values = np.array([[NAN, 1.0], [2.0, NAN], [NAN, NAN], [4.0, 4.0], [NAN, 7.0], [8.0, NAN]])
    filled = fill(values, np.array([0, 4, 6]), np.array([0, 2, 3, 4, 6, 6, 6]), missing)
    wanted = [[NAN, 1], [2, 1], [2, 1], [4, 4], [NAN, 7], [8, 7]]
    np.testing.assert_array_equal(filled, wanted)


def test_complete_values_are_returned_as_they_are():
    values = np.arange(6.0)[:, None]
    for missing in ("interpolate", "forward_fill"):
        filled = fill(values, np.array([0, 6]), np.array([0, 2, 4, 6]), missing)
        np.testing.assert_array_equal(filled, values)


def test_the_gaps_of_the_bundled_carbon_dioxide_series():
    with (ROOT / "data" / "co2.csv").open(newline="", encoding="utf-8") as file:
        values = np.array([float(row["co2"] or "nan") for row in csv.DictReader(file)])
    offsets = np.array([0, len(values)])
    assert np.isnan(values).sum() == 59
    series = pd.Series(values)
    np.testing.assert_allclose(
        interpolate(values[:, None], offsets)[:, 0], series.interpolate().to_numpy(), rtol=1e-12
    )
    np.testing.assert_array_equal(
        forward_fill(values[:, None], offsets)[:, 0], series.ffill().to_numpy()
    )
