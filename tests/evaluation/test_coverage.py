"""Coverage, width and interval score against utilsforecast and by hand."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast.losses import coverage, winkler_score

from forecast.config.intervals import IntervalConfig
from forecast.data.scale import training_scale
from forecast.evaluation.baselines import History
from forecast.evaluation.conformal import ConformalScores
from forecast.evaluation.coverage import IntervalSums, conformal_coverage, quantile_coverage
from forecast.evaluation.intervals import ErrorScale, HeldOutForecasts
from forecast.evaluation.scoring import Actuals

RANDOM = np.random.default_rng(0)
KEYS = {"coverage", "coverage_by_step", "interval_width", "interval_score"}


def actuals_of(values):
    offsets, train = np.array([0, len(values)]), np.array([[0, len(values)]])
    scale = training_scale(values, offsets, train, 1)
    return Actuals(values, History(values, offsets, 1), scale)


def long_table(actual, lower, upper):
    """What utilsforecast reads: one row a value that was observed."""
    frame = pd.DataFrame(
        {"unique_id": "a", "y": actual.ravel(), "m-lo-80": lower.ravel(), "m-hi-80": upper.ravel()}
    )
    return frame.dropna().assign(ds=lambda f: range(len(f)), m=0.0)


@pytest.fixture
def batches():
    """Origins and five quantiles of 12 windows, 3 steps, 2 targets; some values unobserved."""
    values = RANDOM.normal(0, 2, (40, 2))
    values[RANDOM.random(values.shape) < 0.1] = np.nan
    rows = np.arange(20, 32)
    quantiles = np.sort(RANDOM.normal(0, 2, (12, 3, 2, 5)), axis=-1)
    return actuals_of(values), [(rows[:7], quantiles[:7]), (rows[7:], quantiles[7:])]


def test_of_a_quantile_model_as_utilsforecast_has_it(batches):
    truth, parts = batches
    found = quantile_coverage(parts, truth, (0.1, 0.3, 0.5, 0.7, 0.9))
    rows, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    actual = truth.after(rows, 3)
    assert set(found) == KEYS
    assert all([*kinds] == ["quantile"] for kinds in found.values())
    for level, low, high in ((80, 0, 4), (40, 1, 3)):
        lower, upper = values[..., low], values[..., high]
        share, winkler = (
            float(measure(long_table(actual, lower, upper), ["m"], 80).m[0])
            for measure in (coverage, winkler_score)
        )
        assert found["coverage"]["quantile"][f"{level}"] == pytest.approx(share)
        known = ~np.isnan(actual)
        width = (upper - lower)[known].mean()
        assert found["interval_width"]["quantile"][f"{level}"] == pytest.approx(width)
        penalty = winkler - width if level == 80 else (winkler - width) * 0.2 / 0.6
        score = found["interval_score"]["quantile"][f"{level}"]
        assert score == pytest.approx(width + penalty)
        by_step = [
            float(coverage(long_table(actual[:, s], lower[:, s], upper[:, s]), ["m"], 80).m[0])
            for s in range(3)
        ]
        assert found["coverage_by_step"]["quantile"][f"{level}"] == pytest.approx(by_step)


def test_without_pairs_of_quantiles_or_windows_nothing_is_said(batches):
    truth, parts = batches
    assert quantile_coverage(parts, truth, (0.1, 0.2, 0.5, 0.7, 0.95)) == {}
    assert quantile_coverage([], truth, (0.1, 0.5, 0.9)) == {}


def test_intervals_that_are_not_finite_are_not_judged():
    actual = np.array([[[1.0]], [[2.0]], [[np.nan]]])
    lower = np.array([[0.0, -np.inf, 0.0], [0.0, 3.0, 0.0]])[:, :, None, None]
    upper = np.array([[4.0, np.inf, 1.0], [0.5, 4.0, 9.0]])[:, :, None, None]
    found = IntervalSums().add(actual, lower, upper, np.array([0.8, 0.9])).summary(["80", "90"])
    assert found["coverage"] == {"80": 1.0, "90": 0.0}
    assert found["interval_width"] == {"80": 4.0, "90": 0.75}
    assert found["interval_score"]["90"] == pytest.approx((0.5 + 20 * 0.5 + 1 + 20 * 1) / 2)


def tried(values, rows, scale, horizon=2):
    truth = actuals_of(values)
    forecast = np.zeros((len(rows), horizon, 1, 1))
    return HeldOutForecasts.of([(rows, forecast)], truth, scale, lambda rows: rows), truth


def conformal(values, validation, test, minimum=-np.inf, **options):
    scale = ErrorScale((), np.full((len(values), 1), 0.5))
    parts = [
        None if rows is None else tried(values, np.arange(*rows), scale)[0]
        for rows in (validation, test)
    ]
    config = IntervalConfig(**options)
    return conformal_coverage(*parts, actuals_of(values), scale, config, minimum)


def test_split_intervals_by_hand():
    values = RANDOM.normal(size=(120, 1))
    found = conformal(values, (10, 60), (62, 118), levels=(60.0, 90.0))
    for level in (60, 90):
        shares, widths = [], []
        for step in (1, 2):
            errors = sorted(abs(values[row + step, 0]) for row in range(10, 60))
            radius = errors[-(-51 * level // 100) - 1]
            shares.append(np.mean([abs(values[row + step, 0]) <= radius for row in range(62, 118)]))
            widths.append(2 * radius)
        assert found["coverage_by_step"]["split"][str(level)] == pytest.approx(shares)
        assert found["coverage"]["split"][str(level)] == pytest.approx(np.mean(shares))
        assert found["interval_width"]["split"][str(level)] == pytest.approx(np.mean(widths))


def test_no_interval_goes_below_the_least_that_is_forecast():
    values = np.abs(RANDOM.normal(size=(120, 1)))  # forecasts are 0
    free, bounded = (
        conformal(values, (10, 60), (62, 118), levels=(80.0,), minimum=minimum)
        for minimum in (-np.inf, 0.0)
    )
    for kind in ("split", "rolling"):
        widths = [each["interval_width"][kind]["80"] for each in (free, bounded)]
        assert widths[1] == pytest.approx(widths[0] / 2)
    assert free["coverage"] == bounded["coverage"]


def test_rolling_intervals_by_hand():
    values = RANDOM.normal(size=(120, 1))
    found = conformal(values, (10, 60), (62, 118), levels=(75.0,), origins=20, rate=0.0)
    held = []
    for row in range(62, 118):
        known = [*range(10, 60), *range(62, 118)]
        recent = [each for each in known if each + 2 <= row][-20:]
        radius = sorted(abs(values[each + 2, 0]) for each in recent)[-(-21 * 75 // 100) - 1]
        held.append(abs(values[row + 2, 0]) <= radius)
    assert found["coverage_by_step"]["rolling"]["75"][1] == pytest.approx(np.mean(held))


def test_without_a_validation_part_only_rolling_intervals_are_judged_and_only_when_there_are_any():
    values = RANDOM.normal(size=(60, 1))
    found = conformal(values, None, (20, 58), levels=(80.0, 99.0))
    assert set(found) == KEYS
    assert [*found["coverage"]] == ["rolling"]
    assert [*found["coverage"]["rolling"]] == ["80"]
    assert conformal(values, None, (55, 58), levels=(80.0,)) == {}
    assert conformal(values, (20, 50), None, levels=(80.0,)) == {}


def test_a_level_with_too_few_validation_errors_has_no_split_interval():
    values = RANDOM.normal(size=(60, 1))
    found = conformal(values, (10, 20), (22, 58), levels=(80.0, 95.0))
    assert [*found["coverage"]["split"]] == ["80"]
    assert [*found["coverage"]["rolling"]] == ["80", "95"]


def test_scores_of_times_are_those_of_the_windows():
    part, _ = tried(np.arange(10.0)[:, None], np.array([4, 2]), ErrorScale((), np.ones((10, 1))))
    assert isinstance(part.scores, ConformalScores)
    assert part.scores.times.tolist() == [2, 4]
    assert part.scores.values[:, :, 0].tolist() == [[3, 4], [5, 6]]
