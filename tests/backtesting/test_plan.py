"""Folds: origins by hand, folds that fit, and a panel cut at its end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.backtesting.plan import Fold, Plan, without_last
from forecast.data.panel import Panel
from forecast.errors import ConfigError
from forecast.times.axis import TimeAxis


def panel(*lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = int(offsets[-1])
    return Panel(
        values=np.arange(2.0 * rows).reshape(rows, 2),
        offsets=offsets,
        ids=tuple("abcdef"[: len(lengths)]),
        starts=10 * np.arange(len(lengths)),
        axis=TimeAxis(0, 1),
        columns=("y", "x"),
        num_targets=1,
        static=np.arange(float(len(lengths)))[:, None],
        lines=100 + np.arange(rows),
        has_ids=True,
    )


def test_origins_by_hand():
    plan = Plan(folds=3, step=4, horizon=2)
    offsets = np.array([0, 20, 35])
    assert plan.origins(offsets, 3).tolist() == [17, 32], "rows 18, 19 and 33, 34 are forecast"
    assert plan.origins(offsets, 2).tolist() == [13, 28]
    assert plan.origins(offsets, 1).tolist() == [9, 24]
    assert plan.rows == 10
    assert [plan.rows_after(fold) for fold in (1, 2, 3)] == [8, 4, 0]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_so_many_folds_fit_as_their_rows_hold_and_not_one_row_less(folds, step, horizon):
    plan = Plan(folds, step, horizon)
    assert plan.folds_in(plan.rows) == folds
    assert plan.folds_in(plan.rows - 1) == folds - 1
    assert plan.folds_in(0) == 0
    first = plan.origins(np.array([0, plan.rows]), 1)
    assert first.tolist() == [-1], "the first fold forecasts from the first of these rows on"


@pytest.mark.parametrize(("folds", "step", "word"), [(0, 1, "folds 0"), (1, 0, "step 0")])
def test_a_plan_has_a_fold_and_moves_on(folds, step, word):
    with pytest.raises(ConfigError, match=f"{word} is not allowed; give 1 or more"):
        Plan(folds, step, 3)


def test_a_fold_names_the_rows_that_it_forecasts():
    fold = Fold(1, np.array([4, 9]), {"model": np.zeros((2, 3, 1))})
    assert fold.target_rows.tolist() == [[5, 6, 7], [10, 11, 12]]


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_a_cut_panel_holds_the_first_rows_of_the_series_that_are_left(rows):
    whole = panel(4, 7, 3, 6)
    part, series = without_last(whole, rows)
    assert series.tolist() == [s for s in range(4) if whole.lengths[s] > rows]
    for number, s in enumerate(series):
        first, end = whole.offsets[s], whole.offsets[s + 1] - rows
        here = slice(part.offsets[number], part.offsets[number + 1])
        np.testing.assert_array_equal(part.values[here], whole.values[first:end])
        assert part.lines[here].tolist() == whole.lines[first:end].tolist()
        assert part.ids[number] == whole.ids[s]
        assert part.starts[number] == whole.starts[s]
        assert part.static[number] == whole.static[s]
    assert len(part.values) == part.offsets[-1]
