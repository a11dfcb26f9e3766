"""The Schaake shuffle against a slow loop, and what it promises: ranks, order, dependence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.evaluation import copula
from forecast.evaluation.copula import Copula, HeldOutErrors, ranked, schaake_shuffle

SHAPES = st.tuples(st.integers(2, 12), st.integers(1, 3), st.integers(1, 2))


def errors_of(values, series=None, times=None):
    """`HeldOutErrors` of windows, one origin each unless told otherwise."""
    number = len(values)
    times = np.arange(number) if times is None else times
    series = np.zeros(number, dtype=np.int64) if series is None else series
    return HeldOutErrors(times, series, np.asarray(values, dtype=np.float64))


def kept(values, **others):
    return Copula.of(errors_of(values), 1, 500, **others)


def slow_shuffle(values, trajectories):
    """(n, H, K): at each step the value whose rank is that of the trajectory's error."""
    number, horizon, targets = trajectories.shape
    found = np.empty((number, horizon, targets))
    for sample in range(number):
        for step in range(horizon):
            for target in range(targets):
                errors = [trajectories[other, step, target] for other in range(number)]
                smaller = sum(error < errors[sample] for error in errors)
                found[sample, step, target] = sorted(values[step, target])[smaller]
    return found


@given(st.data(), SHAPES)
def test_as_many_samples_as_trajectories_are_shuffled_as_a_slow_loop_does(data, shape):
    each = arrays(np.float64, shape, elements=st.floats(-100, 100), unique=True)
    trajectories = data.draw(each)
    values = data.draw(arrays(np.float64, (1, *shape[1:], shape[0]), elements=st.floats(-9, 9)))
    found = schaake_shuffle(values, ranked(trajectories).astype(np.int64)[None])[0]
    np.testing.assert_array_equal(found, slow_shuffle(values[0], trajectories))
    drawn = schaake_shuffle(
        values, kept(trajectories).draw(shape[0], shape[1], ["a"], np.zeros(1, int), 7)
    )
    rows = [found.tobytes() for found in np.ascontiguousarray(drawn[0])]
    assert sorted(rows) == sorted(row.tobytes() for row in np.ascontiguousarray(found))


@given(SHAPES, st.integers(2, 40), st.integers(0, 3), st.integers(1, 5))
def test_at_every_step_each_rank_is_there_once_so_that_the_marginals_stay(shape, num, seed, steps):
    errors = np.random.default_rng(seed).normal(size=shape)
    ranks = kept(errors).draw(num, steps, ["a", "b"], np.zeros(2, int), seed)
    assert ranks.shape == (2, num, steps, shape[2])
    assert (np.sort(ranks, axis=1) == np.arange(num)[:, None, None]).all()
    values = np.random.default_rng(1).normal(size=(2, steps, shape[2], num))
    paths = np.moveaxis(schaake_shuffle(values, ranks), 1, -1)
    np.testing.assert_array_equal(np.sort(paths, axis=-1), np.sort(values, axis=-1))


def test_neither_the_order_of_the_series_nor_that_of_the_values_matters():
    found = Copula(kept(np.random.default_rng(0).normal(size=(30, 4, 2))).ranks)
    there = found.draw(50, 4, ["a", "b", "c"], np.array([0, 1, 2]), 3)
    back = found.draw(50, 4, ["c", "a"], np.array([2, 0]), 3)
    np.testing.assert_array_equal(there[[2, 0]], back)
    values = np.random.default_rng(1).normal(size=(3, 4, 2, 50))
    mixed = np.random.default_rng(2).permuted(values, axis=-1)
    np.testing.assert_array_equal(schaake_shuffle(values, there), schaake_shuffle(mixed, there))
    assert not np.array_equal(there, found.draw(50, 4, ["a", "b", "c"], np.arange(3), 4))


def ar1(phi, length, random):
    """An AR(1) process of unit noise, in its stationary state at the beginning."""
    values = [random.normal() / np.sqrt(1 - phi**2)]
    for noise in random.normal(size=length - 1):
        values.append(phi * values[-1] + noise)
    return np.array(values)


@pytest.mark.parametrize("phi", [0.8, -0.5])
def test_the_sum_over_an_ar1_process_varies_as_theory_says(phi):
    horizon, random = 8, np.random.default_rng(0)
    series = ar1(phi, 1500, random)
    origins = np.arange(len(series) - horizon)
    steps = np.arange(1, horizon + 1)
    errors = series[origins[:, None] + steps] - series[origins, None] * phi**steps
    deviations = np.sqrt((1 - phi ** (2 * steps)) / (1 - phi**2))
    normal = np.quantile(random.normal(size=100_000), (np.arange(400) + 0.5) / 400)
    marginals = (deviations[:, None] * normal)[None, :, None]
    paths = schaake_shuffle(
        marginals, kept(errors[..., None]).draw(400, horizon, [""], np.zeros(1, int), 0)
    )
    # Each noise lasts to the end of the horizon: what the sum has of it is a geometric sum.
    theory = sum(((1 - phi**lasts) / (1 - phi)) ** 2 for lasts in steps)
    assert paths.sum(axis=2).var() == pytest.approx(theory, rel=0.15)
    independent = (deviations**2).sum()
    assert abs(theory / independent - 1) > 0.5


def test_series_with_common_origins_move_together_and_others_are_pooled():
    shocks, times = np.random.default_rng(0).normal(size=(40, 3, 1)), np.arange(40)
    errors = np.concatenate([shocks, -shocks])
    series = np.repeat([0, 1], 40)
    common = Copula.of(errors_of(errors, series, np.tile(times, 2)), 2, 500)
    assert common.ranks.shape == (40, 2, 3, 1)
    first, second = common.draw(40, 3, ["a", "b"], np.arange(2), 0)
    np.testing.assert_array_equal(first, 39 - second)
    assert (common.of_series(np.array([1])).ranks == common.ranks[:, 1:]).all()
    new = common.draw(40, 3, ["c"], np.array([2]), 0)[0]
    assert (np.sort(new, axis=0) == np.arange(40)[:, None, None]).all()
    apart = Copula.of(errors_of(errors, series, np.arange(80)), 2, 500)
    assert apart.ranks.shape == (80, 1, 3, 1)
    assert apart.of_series(np.array([1])) is apart


def test_errors_that_are_unknown_go_with_their_neighbours():
    errors = np.arange(10.0)[:, None, None] * np.ones((1, 3, 1))
    errors[4, 1] = np.nan
    errors[7] = np.nan
    found = kept(errors)
    assert found.ranks.shape == (9, 1, 3, 1)
    for step in range(3):
        assert found.ranks[:, 0, step, 0].argsort().tolist() == [*range(9)]
    assert kept(np.full((4, 2, 1), np.nan)) is None
    one_target = np.stack([errors[..., 0], np.full((10, 3), np.nan)], axis=-1)
    assert (np.sort(kept(one_target).ranks, axis=0) == np.arange(9)[:, None, None, None]).all()


def test_only_the_last_origins_count_and_no_more_trajectories_than_fit(monkeypatch):
    errors = np.arange(100.0)[:, None, None] + np.zeros((1, 2, 1))
    assert len(Copula.of(errors_of(errors), 1, 30).ranks) == 30
    monkeypatch.setattr(copula, "MOST_BYTES", 2 * 2 * 50)
    assert len(kept(errors).ranks) == 50
    monkeypatch.setattr(copula, "MOST_BYTES", 1)
    assert len(kept(errors).ranks) == copula.FEWEST
