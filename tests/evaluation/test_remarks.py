"""Remarks beside a verdict: said where they matter, and only there."""

import numpy as np
import pytest

from forecast.config.counts import Poisson
from forecast.config.losses import MeanAbsolute, MeanSquared
from forecast.config.tree import config_from
from forecast.data.scale import Scale
from forecast.evaluation.metrics import ErrorSums, point_errors, point_metrics
from forecast.evaluation.remarks import bias_remarks, coverage_remarks, remarks


def sums_of(actual, forecast):
    actual, forecast = (
        np.asarray(each, dtype=np.float64)[:, None, None] for each in (actual, forecast)
    )
    ones, series = np.ones((1, 1)), np.zeros(len(actual), dtype=np.int64)
    terms = point_errors(actual, forecast, Scale(ones, ones, 0 * ones), series)
    return ErrorSums(point_metrics, 1).add(terms, series, np.arange(len(actual)))


ACTUAL = np.array([10.0, 20.0, 30.0, np.nan, 40.0])


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (ACTUAL * 0.56, "Forecasts are 44 % too low on average"),
        (ACTUAL * 1.3, "Forecasts are 30 % too high on average"),
        (ACTUAL * 0.95, None),  # one-sided, but small
        (ACTUAL + np.array([20, -20, 20, 0, -15]), None),  # large, but on both sides
        (ACTUAL * np.nan, None),
    ],
)
def test_bias(forecast, said):
    found = bias_remarks(sums_of(ACTUAL, forecast), MeanAbsolute())
    assert [each.split(":")[0] for each in found] == ([said] if said else [])


@pytest.mark.parametrize(
    ("loss", "advice"),
    [
        (MeanAbsolute(), ": where sums matter, try training.loss: mse; where the level has moved"),
        (MeanSquared(), ": where the level has moved"),
        (Poisson(), "."),
    ],
)
def test_nothing_is_advised_that_is_so_already_or_cannot_be(loss, advice):
    (said,) = bias_remarks(sums_of(ACTUAL, ACTUAL / 2), loss)
    assert said.split(", model.window_norm")[0] == f"Forecasts are 50 % too low on average{advice}"


def test_what_it_advises_goes_together():
    """The pretrained network, which is proposed, has no `window_norm`."""
    (said,) = bias_remarks(sums_of(ACTUAL, ACTUAL / 2), MeanSquared())
    assert "model.window_norm: last with model.start: random" in said
    advised = {"data": {"path": "t.csv"}, "training": {"loss": "mse"}}
    model = config_from({**advised, "model": {"window_norm": "last", "start": "random"}}).model
    assert (model.window_norm, model.start) == ("last", "random")


def test_bias_of_zeros_and_of_nothing_is_not_spoken_of():
    assert bias_remarks(sums_of([0.0, 0.0], [1.0, 1.0]), MeanSquared()) == []
    assert bias_remarks(sums_of([np.nan], [1.0]), MeanSquared()) == []


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        ({"rolling": {"80": 0.79, "95": 0.81}}, ["95 % intervals cover 81 % of the test values"]),
        (
            {"split": {"80": 0.1}, "rolling": {"80": 0.7, "95": 0.8}},
            ["80 % intervals cover 70 %, 95 % intervals cover 80 % of the test values"],
        ),
        ({"quantile": {"80": 0.751}}, []),
        ({"rolling": {"80": float("nan")}}, []),
        ({}, []),
    ],
)
def test_coverage(coverage, said):
    assert [each.split(":")[0] for each in coverage_remarks(coverage)] == said


def test_chance_comes_first():
    scores = {"lstm": sums_of(ACTUAL, ACTUAL / 2), "naive": sums_of(ACTUAL, ACTUAL + 1)}
    first, second = remarks(scores, "lstm", "naive", 1, MeanSquared())
    assert first.startswith("Paired over 4 origins: ")
    assert first.endswith(" worse than naive (95 %), so worse beyond chance.")
    assert second.startswith("Forecasts are 50 % too low")
