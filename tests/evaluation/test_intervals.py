"""Intervals around point forecasts: scores by hand, ends that lead back to them, levels."""

import functools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.transforms import Difference, Log, Log1p, MinMax, Power, Standardize
from forecast.config.tree import config_from
from forecast.data.chain import fit_chain
from forecast.evaluate import actuals
from forecast.evaluation import intervals
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.intervals import (
    ErrorScale,
    HeldOutForecasts,
    fit_error_scale,
    sizes_by_all_rows,
    subsample_origins,
    with_intervals,
)
from forecast.prepare import prepare

ROWS, SEASON = 60, 12
POSITIVE = [(), (Log(),), (Log1p(),), (Power(method="box_cox"),), (Power(),), (Log(), Log1p())]


def table(ids=("a", "b"), rows=ROWS, seed=0):
    random = np.random.default_rng(seed)
    months = pd.date_range("2015-01-01", periods=rows, freq="MS")
    frames = [
        pd.DataFrame(
            {"unique_id": name, "ds": months, "y": 50 * (n + 1) * random.lognormal(0, 0.2, rows)}
        )
        for n, name in enumerate(ids)
    ]
    return pd.concat(frames, ignore_index=True)


def prepared(frame, transforms=("log", "standardize")):
    config = {
        "data": {"path": "table", "short_series": "skip"},
        "transforms": [*transforms],
        "window": {"lookback": 4, "horizon": 2},
        "split": {"validation": 8, "test": 12},
    }
    return prepare(config_from(config), frame)


@functools.cache
def scale_of(options):
    """A chain of two series with two targets, and sizes of their own."""
    values = np.random.default_rng(0).lognormal(2, 0.5, (40, 2))
    chain = fit_chain(options, values, np.array([[0, 20], [20, 40]]), 1)
    return ErrorScale.of(chain, np.array([[0.5, 2.0], [3.0, 0.1]]))


def test_errors_of_a_chain_with_a_log_are_relative_and_in_units_of_their_series():
    data = prepared(table(), ("log", "difference", "standardize"))
    scale = fit_error_scale(data.pipeline, data.panel, data.split.train, SEASON)
    for number in range(2):
        logs = np.log(table().y.to_numpy()[number * ROWS : (number + 1) * ROWS])
        changes = [abs(logs[row] - logs[row - SEASON]) for row in range(SEASON, len(logs))]
        for row in (SEASON, ROWS - 20, ROWS - 1):
            mean = np.mean(changes[: row - SEASON + 1])
            assert scale.sizes[number * ROWS + row, 0] == pytest.approx(mean)
    actual, forecast = np.array([[[80.0], [np.nan]]]), np.array([[[60.0], [70.0]]])
    found = scale.scores(actual, forecast, np.array([1]), np.array([ROWS + 9]))
    assert found[0, 0, 0] == pytest.approx(math.log(80 / 60) / scale.sizes[ROWS + 9, 0])
    assert np.isnan(found[0, 1, 0])


def test_other_chains_leave_errors_in_units_of_the_data():
    for options in ((), (MinMax(), Log1p()), (Difference(lag=1), Standardize())):
        scale = scale_of(options)
        assert not scale.steps
        first = np.array([0])
        found = scale.scores(np.full((1, 1, 2), 7.0), np.full((1, 1, 2), 4.0), first, first)
        assert found.ravel().tolist() == [6.0, 1.5]


def test_a_forecast_without_an_image_is_an_error_without_end():
    scale = scale_of((Log(),))
    forecast = np.array([[[np.inf, -1.0]], [[np.nan, 2.0]]])
    series = np.array([0, 1])
    found = scale.scores(np.full((2, 1, 2), 2.0), forecast, series, series)
    assert found.ravel().tolist() == [np.inf, np.inf, np.inf, 0.0]


@pytest.mark.parametrize("options", POSITIVE, ids=str)
@given(st.integers(0, 10**6))
def test_the_ends_of_an_interval_are_as_far_away_as_its_radius(options, seed):
    random, scale = np.random.default_rng(seed), scale_of(options)
    forecast, series = random.uniform(5, 15, (3, 4, 2)), np.array([0, 1, 1])
    radii = random.uniform(0, 0.15, (2, 4, 2))
    for ends, sign in zip(scale.bounds(forecast, radii, series, series), (-1, 1), strict=True):
        assert ends.shape == (2, 3, 4, 2)
        assert (sign * (ends - forecast) > -1e-9).all()
        for level, end in zip(radii, ends, strict=True):
            found = scale.scores(end, forecast, series, series)
            np.testing.assert_allclose(found, np.broadcast_to(level, found.shape), atol=2e-4)


@pytest.mark.parametrize(("options", "lowest"), [((Log(),), 0.0), ((Log1p(),), -1.0)])
def test_an_interval_never_leaves_the_domain_of_the_data(options, lowest):
    scale = scale_of(options)
    forecast, radii, series = np.full((2, 1, 2), 1e-3), np.full((1, 1, 2), 9.0), np.array([0, 1])
    lower, upper = scale.bounds(forecast, radii, series, series)
    assert (lower > lowest).all()
    assert np.isfinite(upper).all()
    plain, _ = scale_of(()).bounds(forecast, radii, series, series)
    assert (plain < -0.8).all()


def test_a_series_that_does_not_tell_its_size_has_that_of_the_others():
    frame = table(("a", "b", "c"))
    frame.loc[frame.unique_id == "c", "y"] = 5.0
    data = prepared(frame, ["log1p"])
    sizes = fit_error_scale(data.pipeline, data.panel, data.split.train, SEASON).sizes
    ends = data.split.train[:2, 1] - 1
    assert sizes[-1, 0] == pytest.approx(np.median(sizes[ends, 0]))
    others = np.array([[3.0], [9.0], [4.0]])
    sizes_of_all = sizes_by_all_rows(data.pipeline, data.panel, SEASON, others)
    assert sizes_of_all[-1, 0] == 4
    np.testing.assert_allclose(sizes_of_all[:2], sizes[data.panel.offsets[1:3] - 1], rtol=1e-12)
    short = fit_error_scale(data.pipeline, data.panel, np.zeros((3, 2), dtype=int), SEASON)
    assert short.sizes[data.panel.offsets[:-1], 0].tolist() == [1, 1, 1]


def test_that_a_series_stands_still_says_nothing_of_the_errors_of_the_others():
    frame = table(("a", "b"))
    frame.loc[frame["unique_id"] == "b", "y"] = 7.0
    some = prepared(frame, ())
    scale = fit_error_scale(some.pipeline, some.panel, some.split.train, SEASON)
    origins, series = np.array([40, ROWS + 40]), np.array([0, 1])
    actual = np.full((2, 1, 1), 7.0)
    scores = scale.scores(actual, actual, series, origins)
    np.testing.assert_array_equal(scores[:, 0, 0], [0, np.nan])
    scores = scale.scores(np.nextafter(actual, 8), actual, series, origins)  # rounding is no change
    assert np.isnan(scores[:, 0, 0]).tolist() == [False, True]
    scores = scale.scores(actual + 1, actual, series, origins)  # it did change: that counts
    assert (scores > 0).all()


def test_a_series_of_less_than_a_season_is_sized_by_its_steps():
    data = prepared(table(("a", "b", "c")), ["log1p"])
    rows = data.split.train
    sizes = fit_error_scale(data.pipeline, data.panel, rows, SEASON).sizes[:, 0]
    images = np.log1p(data.panel.values[:, 0])
    changes = np.array([np.abs(np.diff(images[first:end])).mean() for first, end in rows])
    early = data.panel.offsets[2] + SEASON - 1  # the last row that is nothing a season ago
    step = np.abs(np.diff(images[data.panel.offsets[2] : early + 1])).mean()
    assert sizes[early] == pytest.approx(step * np.median(sizes[rows[:, 1] - 1] / changes))


def test_windows_come_in_the_order_of_their_origins():
    data = prepared(table())
    windows, panel = data.windows["test"], data.panel
    rows = windows.origins()
    values = np.random.default_rng(1).uniform(40, 120, (len(rows), 2, 1, 3))
    scale = fit_error_scale(data.pipeline, panel, data.split.train, SEASON)
    batches = [(rows[:5], values[:5]), (rows[5:], values[5:])]
    tried = HeldOutForecasts.of(batches, actuals(data), scale, panel.positions)
    assert sorted(tried.rows) == sorted(rows)
    assert (np.diff(tried.scores.times) >= 0).all()
    for row, time, forecast, score in zip(
        tried.rows, tried.scores.times, tried.forecasts, tried.scores.values, strict=True
    ):
        assert time == row % ROWS
        np.testing.assert_array_equal(forecast, values[rows == row][0, ..., 1])
        truth, size = panel.values[row + 1 : row + 3], scale.sizes[row]
        np.testing.assert_allclose(score, abs(np.log(truth / forecast)) / size, rtol=1e-5)
    for nothing in ([], [(rows[:0], values[:0])]):
        assert HeldOutForecasts.of(nothing, actuals(data), scale, panel.positions) is None


def test_of_too_many_windows_every_nth_origin_is_tried(monkeypatch):
    times = [np.tile(np.arange(30), 4), np.tile(np.arange(30, 45), 4)]
    assert [len(each) for each in subsample_origins(times, 10)] == [120, 60]
    monkeypatch.setattr(intervals, "MOST_VALUES", 600)
    kept = [each[place] for each, place in zip(times, subsample_origins(times, 10), strict=True)]
    assert sum(map(len, kept)) * 10 <= 600
    assert np.unique(np.concatenate(kept)).tolist() == [*range(2, 45, 3)]
    assert {int((kept[1] == time).sum()) for time in (44, 41, 38)} == {4}


def calibration_of(radii, sizes, levels=(80.0, 95.0)):
    return Calibration(levels, np.array(radii, dtype=np.float32), np.array(sizes), 99)


def test_forecasts_with_intervals_by_hand():
    data = prepared(table(), ["log"])
    kept = calibration_of([[[0.5], [1.0]], [[1.5], [2.0]]], [[0.2], [0.4]])
    history = data.panel.select(np.array([1]))
    forecast = np.full((1, 4, 1, 1), 100.0)
    found = with_intervals(forecast, kept, kept.at((80.0, 95.0)), data.pipeline, history, SEASON)
    reach = 0.4 * np.array([[1.5, 0.5], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]])  # held after step 2
    expected = 100 * np.exp(np.c_[-reach, np.zeros(4), reach[:, ::-1]])
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=1e-6)


def test_a_series_that_is_new_has_the_size_of_its_own_history():
    data = prepared(table(), ["log"])
    kept = calibration_of([[[1.0], [1.0]], [[2.0], [2.0]]], [[0.2], [0.4]])
    new = prepared(table(("a", "new", "short"), seed=5), ["log"]).panel
    pipeline = data.pipeline.with_series_of(new)
    forecast = np.full((3, 2, 1, 1), 10.0)
    found = with_intervals(forecast, kept, kept.at((80.0,)), pipeline, new, SEASON)
    logs = np.log(new.values[ROWS : 2 * ROWS, 0])
    size = np.abs(logs[SEASON:] - logs[:-SEASON]).mean()
    reach = np.log(found[:, 0, 0, 2] / 10)
    np.testing.assert_allclose(reach[:2], [0.2, size], rtol=1e-6)
    found = with_intervals(forecast, kept, kept.at((80.0,)), pipeline, new, season=10**3)
    np.testing.assert_allclose(np.log(found[1:, 0, 0, 2] / 10), [0.3, 0.3], rtol=1e-6)
