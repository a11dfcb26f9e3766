"""Quantiles of counts in a graph are those of the model, of small and of large means."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast.config.counts import NegativeBinomial, Poisson, Tweedie
from forecast.export.counts import GraphCounts
from forecast.export.describe import KEY
from forecast.export.onnx import content_of, exported
from forecast.export.probe import probe
from forecast.export.session import session_of
from forecast.forecasting.distributions import mean_and_quantiles
from tests.export.test_graph import forecasts
from tests.forecasting.cases import config

LEVELS = (0.001, 0.025, 0.25, 0.5, 0.75, 0.975, 0.999)


def of_means(*others):
    """(20000, 1, 1, P) parameters: means from a millionth to millions."""
    means = np.geomspace(1e-6, 3e6, 20_000)
    rng = np.random.default_rng(0)
    columns = [means, *(rng.permutation(np.geomspace(*each, 20_000)) for each in others)]
    return np.stack(columns, axis=-1)[:, None, None]


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        (Poisson(levels=LEVELS), of_means()),
        (Tweedie(levels=LEVELS), of_means((1e-3, 30.0))),
        (Tweedie(levels=(0.1, 0.5, 0.9), power=1.1), of_means((1e-3, 300.0))),
    ],
    ids=["poisson", "tweedie", "tweedie like counts"],
)
def test_quantiles_are_those_of_the_model(loss, parameters):
    found = GraphCounts(loss)(torch.from_numpy(parameters)).numpy()
    np.testing.assert_allclose(found, mean_and_quantiles(loss, parameters), rtol=1e-9, atol=1e-12)


def test_quantiles_of_two_parameters_are_those_of_the_model():
    parameters = of_means((1e-4, 60.0))[::100]
    loss = NegativeBinomial(levels=LEVELS)
    found = GraphCounts(loss)(torch.from_numpy(parameters)).numpy()
    np.testing.assert_allclose(found, mean_and_quantiles(loss, parameters), rtol=1e-6)


@pytest.mark.parametrize("loss", [Poisson(), NegativeBinomial(), Tweedie()])
def test_where_nothing_is_known_is_no_quantile(loss):
    """As of a history that is too short: no zero, and no place in a table that is none."""
    known = torch.full((1, 2, 1, loss.num_parameters), 3.0, dtype=torch.float64)
    graph = GraphCounts(loss)
    found = graph(torch.cat([known * torch.nan, known]))
    assert found[0].isnan().all()
    torch.testing.assert_close(found[1:], graph(known), rtol=0, atol=0)


def model_of(loss, **others):
    rng = np.random.default_rng(3)
    days = pd.date_range("2024-01-01", periods=120)
    y = rng.poisson(6 + 4 * np.sin(np.arange(120) * 2 * np.pi / 7)).astype(float)
    training = {"loss": {loss: {"levels": [0.1, 0.5, 0.9]}}, "ensemble": 2}
    settings = config({}, 14, 7, 14, 14, [], training=training) | others
    return forecast.train(settings, pd.DataFrame({"ds": days, "y": y}))


@pytest.mark.parametrize("loss", ["poisson", "negative_binomial", "tweedie"])
def test_a_model_of_counts_is_forecast_alike_by_its_graph(loss):
    trained = model_of(loss, partners=["ridge"], combine="median")
    made = probe(trained, 3, trained.rows_kept + 2)
    found = forecasts(trained, made.inputs)
    assert found.shape == (3, 7, 1, 4)
    np.testing.assert_allclose(found, made.forecasts(trained), rtol=1e-6, atol=1e-9)
    made.inputs["history"][0, 0] = -1
    made.inputs["history"][1, -1] += 0.5
    refused = [True, loss != "tweedie", False]
    np.testing.assert_array_equal(np.isnan(forecasts(trained, made.inputs)).any((1, 2, 3)), refused)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch.onnx and its helpers warn of themselves
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("loss", ["poisson", "negative_binomial", "tweedie"])
def test_the_exported_file_forecasts_counts(loss):
    trained = model_of(loss)
    content = content_of(exported(trained), trained)  # is run beside the model
    about = json.loads(session_of(content).get_modelmeta().custom_metadata_map[KEY])
    assert about["columns"] == ["lo-80", "median", "forecast", "hi-80"]
    assert about["quantiles"] == [0.1, 0.5, None, 0.9]
