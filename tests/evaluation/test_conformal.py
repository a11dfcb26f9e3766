"""Conformal radii against slow loops over every origin, step and target, and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.evaluation import conformal
from forecast.evaluation.conformal import (
    FINE_GRID,
    MOST_BYTES,
    Calibration,
    ConformalScores,
    conformal_radii,
    rolling_radii,
)

FINITE = st.floats(0, 100, width=32)


def table_of(*scores):
    """ConformalScores of one step and target, as `known` gives them."""
    table = np.sort(np.array(scores, dtype=np.float32))[None, None]
    return table, np.array([[len(scores)]])


def slow_radius(scores, level):
    """The smallest score that as many of n + 1 reach as the level, in percent of a tenth, says."""
    rank = -(-(len(scores) + 1) * round(10 * level) // 1000)
    return sorted(scores)[rank - 1] if rank <= len(scores) else math.inf


@given(st.lists(FINITE, min_size=1, max_size=120), st.lists(st.integers(10, 999), min_size=1))
def test_the_radius_is_the_score_of_that_rank(scores, tenths):
    levels = [each / 10 for each in tenths]
    radii = conformal_radii(*table_of(*scores), np.array(levels) / 100)
    assert radii.shape == (len(levels), 1, 1)
    assert radii[:, 0, 0].tolist() == [slow_radius(scores, level) for level in levels]


@given(st.lists(FINITE, min_size=2, max_size=40, unique=True), st.integers(1, 99))
def test_of_exchangeable_scores_no_more_are_missed_than_the_level_allows(scores, level):
    """The guarantee itself: each score in turn is the new one, the others are known."""
    held = 0
    for number, new in enumerate(scores):
        others = scores[:number] + scores[number + 1 :]
        held += new <= conformal_radii(*table_of(*others), np.array([level / 100]))[0, 0, 0]
    assert 100 * held >= level * len(scores)
    assert held <= math.ceil(level * len(scores) / 100) or held == len(scores)


@pytest.mark.parametrize(("level", "fewest"), [(80, 4), (90, 9), (95, 19), (99, 99), (99.9, 999)])
def test_too_few_scores_for_a_level_give_no_interval(level, fewest):
    share = np.array([level / 100])
    assert np.isinf(conformal_radii(*table_of(*range(fewest - 1)), share)).all()
    assert conformal_radii(*table_of(*range(fewest)), share)[0, 0, 0] == fewest - 1


def test_an_adapted_share_beyond_the_ranks_is_held_at_their_ends():
    adapted = np.array([-0.3, 0.5, 1.7])[:, None, None]
    shares = np.full(3, 0.8)
    radii = conformal_radii(*table_of(1, 2, 3, 4), shares, adapted)
    assert radii[:, 0, 0].tolist() == [0, 3, 4]


def random_scores(seed, windows=40, horizon=3, targets=2, gaps=True, series=1):
    """Times with gaps and repeats, and scores of which some are unknown."""
    random = np.random.default_rng(seed)
    times = np.flatnonzero(random.random(windows) < 0.8) if gaps else np.arange(windows)
    times = np.sort(np.repeat(times, series))
    values = random.exponential(size=(len(times), horizon, targets)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return ConformalScores(times, values)


def slow_known(scores, time, step, target, origins):
    """ConformalScores of one step (from 0) and target that are known at a time, by loops."""
    recent = sorted({int(each) for each in scores.times if each + step + 1 <= time})
    recent = set(recent[-origins:] if origins else recent)
    values = [
        value[step, target]
        for each, value in zip(scores.times, scores.values, strict=True)
        if int(each) in recent
    ]
    return sorted(value for value in values if not np.isnan(value))


@pytest.mark.parametrize("origins", [None, 1, 7, 500])
@pytest.mark.parametrize("series", [1, 3])
def test_what_is_known_at_a_time_is_what_a_loop_finds(origins, series):
    scores = random_scores(1, series=series)
    for time in (-1, 0, 2, 17, 60):
        table, counts = scores.known(time, origins)
        for step, target in np.ndindex(3, 2):
            expected = slow_known(scores, time, step, target, origins)
            assert counts[step, target] == len(expected)
            assert table[step, target, : len(expected)].tolist() == expected
            assert np.isnan(table[step, target, len(expected) :]).all()


def test_in_the_end_everything_is_known():
    scores = random_scores(2)
    assert scores.known()[1].tolist() == (~np.isnan(scores.values)).sum(axis=0).tolist()


def test_of_many_scores_an_even_part_is_taken():
    times = np.repeat(np.arange(100), 10)
    scores = ConformalScores(times, np.arange(1000, dtype=np.float32)[:, None, None])
    table, counts = scores.known(most=50)
    assert counts.tolist() == [[50]]
    assert np.diff(table[0, 0]).tolist() == [20] * 49


def slow_rolling(known, tested, levels, origins, rate):
    """Radii by origin, level, step and target: equation 2 of Gibbs and Candès, one at a time."""
    times = sorted(set(tested.times.tolist()))
    horizon, targets = tested.values.shape[1:]
    radii = np.empty((len(times), len(levels), horizon, targets))
    for place, step, target in np.ndindex(len(levels), horizon, targets):
        allowed = 1 - levels[place] / 100
        for number, time in enumerate(times):
            alpha = allowed
            for past, before in enumerate(times[:number]):
                values = tested.values[tested.times == before, step, target]
                values = values[~np.isnan(values)]
                used = radii[past, place, step, target]
                if before + step + 1 <= time and len(values) and np.isfinite(used):
                    alpha += rate * (allowed - np.mean(values > used))
            scores = slow_known(known, time, step, target, origins)
            enough = math.ceil((len(scores) + 1) * (1 - allowed) - 1e-9) <= len(scores)
            rank = min(math.ceil((len(scores) + 1) * (1 - alpha) - 1e-6), len(scores))
            radius = scores[rank - 1] if enough and rank > 0 else 0.0
            radii[number, place, step, target] = radius if enough else np.inf
    return radii


@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize("rate", [0.0, 0.043])
def test_rolling_radii_are_those_of_a_slow_loop(series, rate):
    known = random_scores(5, windows=45, series=series)
    later = known.times > 14
    tested = ConformalScores(known.times[later], known.values[later])
    found = [*rolling_radii(known, tested, (60.0, 85.0), 12, rate)]
    expected = slow_rolling(known, tested, (60, 85), 12, rate)
    np.testing.assert_array_equal(np.stack([radii for _, radii in found]), expected)
    windows = np.concatenate([np.arange(each.start, each.stop) for each, _ in found])
    assert windows.tolist() == [*range(len(tested.times))]
    assert len(np.unique(expected[np.isfinite(expected)])) > 10


@given(st.integers(0, 29), st.integers(0, 10**6))
def test_values_after_an_origin_never_change_its_radii(now, seed):
    known = random_scores(seed, windows=30, series=2, gaps=False)
    steps = np.arange(1, 4)[:, None]
    is_later = known.times[:, None, None] + steps > now
    noise = np.random.default_rng(seed).exponential(9, known.values.shape).astype(np.float32)
    changed = ConformalScores(known.times, np.where(is_later, noise, known.values))

    def radii(scores):
        later = scores.times > 9
        tested = ConformalScores(scores.times[later], scores.values[later])
        rolling = rolling_radii(scores, tested, (70.0,), 15, 0.05)
        return [(scores.times[later][w.start], r) for w, r in rolling]

    pairs = [*zip(radii(known), radii(changed), strict=True)]
    for (time, before), (_, after) in pairs:
        if time <= now:
            np.testing.assert_array_equal(before, after)
    assert now > 15 or any((before != after).any() for (_, before), (_, after) in pairs)


def held(tested, radii):
    inside = [tested.values[windows] <= each[:, None] for windows, each in radii]
    return np.concatenate(inside, axis=1).mean(axis=(1, 2, 3))


def test_rolling_intervals_follow_errors_that_grow_where_split_ones_stay_behind():
    random = np.random.default_rng(0)
    sizes = np.repeat([1.0, 2.0], 1500)[:, None, None]
    values = (sizes * random.exponential(size=(3000, 2, 2))).astype(np.float32)
    times = np.arange(3000)
    validation, tested = (
        ConformalScores(times[:1000], values[:1000]),
        ConformalScores(times[1000:], values[1000:]),
    )
    levels = (80.0, 95.0)
    split = conformal_radii(*validation.known(), np.array(levels) / 100)
    rolling = rolling_radii(ConformalScores(times, values), tested, levels, 500, 0.005)
    assert (held(tested, [(slice(None), split)]) < [0.68, 0.87]).all()
    np.testing.assert_allclose(held(tested, rolling), [0.8, 0.95], atol=0.015)


def test_the_rolling_scores_are_renewed_often_enough():
    """At 500 origins each table serves for ten: the radii are those of at most ten origins ago."""
    scores = random_scores(3, windows=700, horizon=1, targets=1, gaps=False)
    later = scores.times >= 600
    tested = ConformalScores(scores.times[later], scores.values[later])
    renewed = {}
    for windows, radii in rolling_radii(scores, tested, (80.0,), 500, 0.0):
        time = int(tested.times[windows.start])
        renewed[time - time % 10] = conformal_radii(
            *scores.known(time - time % 10, 500), np.array([0.8])
        )
        np.testing.assert_array_equal(radii, renewed[time - time % 10])
    assert len({float(each[0, 0, 0]) for each in renewed.values()}) > 3


def calibration(windows=60, horizon=2, targets=2, levels=(80.0, 95.0), origins=500):
    scores = random_scores(4, windows, horizon, targets, gaps=False)
    return scores, Calibration.of(scores, np.ones((1, targets)), levels, origins)


def test_a_calibration_keeps_the_radii_of_the_most_recent_origins():
    scores, kept = calibration(origins=40)
    for step, target in np.ndindex(2, 2):
        known = slow_known(scores, 10**6, step, target, 40)
        for level in (5.0, 50.0, 80.0, 93.0):
            expected = np.float32(slow_radius(known, level))
            assert kept.at([level])[0, step, target] == expected
    fewest = min(len(slow_known(scores, 10**6, s, t, 40)) for s, t in np.ndindex(2, 2))
    assert kept.count == fewest


def test_between_levels_of_the_grid_radii_are_interpolated():
    _, kept = calibration()
    np.testing.assert_allclose(kept.at([82.5])[0], kept.at([82.0, 83.0]).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(kept.at([2.0])[0], 0.4 * kept.at([5.0])[0], rtol=1e-6)
    _, own = calibration(levels=(82.5,))
    assert (own.at([82.5]) == own.radii[own.levels.index(82.5)]).all()
    radii = kept.at(np.linspace(1, 95, 60).tolist())
    assert (np.diff(radii, axis=0) >= 0).all()


def test_a_level_is_reached_where_there_are_scores_enough():
    _, kept = calibration()
    for level in (*map(float, FINE_GRID), 50.5, 97.3, 99.7):
        assert kept.reaches(level) == np.isfinite(kept.at([level])).all()
    assert [kept.needed(level) for level in (50.0, 80.0, 95.0, 99.0, 99.5)] == [1, 4, 19, 99, 199]
    assert not calibration(windows=3)[1].reaches(80.0)


@pytest.mark.parametrize(("horizon", "targets"), [(96, 7), (720, 7), (720, 40)])
def test_a_calibration_stays_small(horizon, targets):
    scores = ConformalScores(np.arange(3), np.ones((3, horizon, targets), dtype=np.float32))
    kept = Calibration.of(scores, np.ones((1, targets)), (70.0,), 500)
    assert kept.radii.nbytes <= MOST_BYTES
    assert 70.0 in kept.levels
    assert kept.levels[-1] == 99.9


def test_a_panel_of_many_series_takes_no_loop_over_them(monkeypatch):
    calls = []
    real = conformal.conformal_radii
    monkeypatch.setattr(conformal, "conformal_radii", lambda *a: calls.append(1) or real(*a))
    known = random_scores(6, windows=20, series=2000, gaps=False)
    later = known.times > 15
    tested = ConformalScores(known.times[later], known.values[later])
    assert len([*rolling_radii(known, tested, (80.0,), 500, 0.005)]) == len(calls) == 4
