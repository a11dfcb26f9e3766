"""The graph forecasts what `forecast` does, whatever a model reads; what that refuses is NaN."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import forecast
from forecast.data.future import future_rows
from forecast.export.feeds import feed
from forecast.export.graph import ForecastGraph
from forecast.export.probe import probe
from tests.forecasting.cases import BUILDERS, air, built, config, conformal, noise, panel
from tests.helpers import wave_table
from tests.test_labels import KINDS
from tests.test_labels import config as labels_config
from tests.test_labels import table as labels_table

FAST = ("quantile", "ensemble", "members", "macro_independent", "panel", "panel_recursive", "zoned")


def told_apart(names, fast):
    """Cases of which some are run every time, and all in `make slow`."""
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in names]


def forecasts(trained, inputs):
    """(B, H, K, Q) what the graph gives."""
    with torch.inference_mode():
        outputs = ForecastGraph(trained).eval()(
            **{name: torch.from_numpy(array) for name, array in inputs.items()}
        )
    return (outputs[1] if len(outputs) > 1 else outputs[0][..., None]).numpy()


def inputs_after(case, trained):
    """The arrays for the end of the table, and what `forecast` says of it."""
    horizon = trained.config.window.horizon
    data = trained.config.data
    history, known = future_rows(data, trained.tail, case.future, horizon, horizon)
    extended = history.extend(known)
    origins = extended.offsets[1:] - 1 - horizon
    _, values = trained.forecast_panel(trained.tail, case.future)
    return feed(trained, extended, origins, trained.rows_needed), values


@pytest.mark.parametrize("name", told_apart(BUILDERS, (*FAST, "mask", "interpolate")))
def test_the_end_of_a_table_is_forecast_as_by_the_model(name):
    case, trained = built(name)
    inputs, values = inputs_after(case, trained)
    np.testing.assert_allclose(forecasts(trained, inputs), values, rtol=1e-6)


@pytest.mark.parametrize("name", told_apart(("air", "panel", "macro_joint"), ("panel",)))
def test_intervals_are_those_of_the_model(name):
    case, trained = conformal(name)
    inputs, values = inputs_after(case, trained)
    assert values.shape[-1] == len(trained.quantiles()) > 1
    np.testing.assert_allclose(forecasts(trained, inputs), values, rtol=1e-6)


@pytest.mark.parametrize("name", told_apart(BUILDERS, ("panel", "interpolate")))
def test_longer_histories_and_other_values_are_forecast_alike(name):
    _, trained = built(name)
    for count, rows in ((1, trained.rows_needed), (5, trained.rows_needed + 9)):
        made = probe(trained, count, rows)
        np.testing.assert_allclose(
            forecasts(trained, made.inputs), made.forecasts(trained), rtol=1e-6
        )


@pytest.mark.parametrize("name", told_apart(KINDS, ("two in a panel", "independent")))
def test_labels_have_the_probabilities_of_the_model(name):
    series, target, sections = KINDS[name]
    trained = forecast.train(labels_config(target, **sections), labels_table(series))
    made = probe(trained, 4, trained.rows_needed + 2)
    wanted = made.forecasts(trained)
    np.testing.assert_allclose(forecasts(trained, made.inputs), wanted, rtol=1e-6, atol=1e-12)
    inputs = {name: torch.from_numpy(array) for name, array in made.inputs.items()}
    likeliest, _ = ForecastGraph(trained).eval()(**inputs)
    np.testing.assert_array_equal(likeliest, wanted.argmax(axis=-1))


def with_options(frame, **sections):
    """A model of two epochs, on monthly rows."""
    settings = config({"target": ["y"]}, 12, 6, 12, 24, sections.pop("steps", ["standardize"]))
    for name, options in sections.items():
        settings[name] = (
            {**settings[name], **options}
            if isinstance(options, dict) and name in settings
            else options
        )
    return forecast.train(settings, frame)


@pytest.mark.parametrize(
    "steps",
    [
        [{"power": {"method": "box_cox"}}, "difference", "robust"],
        ["log1p", {"difference": {"lag": 5, "order": 2}}, "min_max"],
        ["power", {"difference": {"lag": 1}}, {"difference": {"lag": 12}}],
    ],
    ids=str,
)
def test_every_transform_is_undone_and_intervals_lie_on_its_scale(steps):
    frame = wave_table(120, "2015-01-01", "MS", 12, 50.0)
    trained = with_options(frame, steps=steps, intervals={"levels": [50, 80]})
    made = probe(trained, 3, trained.rows_needed + 1)
    wanted = made.forecasts(trained)
    assert wanted.shape[-1] == 5
    np.testing.assert_allclose(forecasts(trained, made.inputs), wanted, rtol=1e-6)


def test_ridge_beside_the_network_counts_as_in_the_model():
    frame = wave_table(150, "2010-01-01", "MS", 12, 50.0)
    options = {"partners": ["ridge"], "combine": "median", "intervals": {"levels": [80]}}
    trained = with_options(frame, **options)
    for rows in (trained.rows_kept, trained.rows_needed):
        made = probe(trained, 3, rows)
        np.testing.assert_allclose(
            forecasts(trained, made.inputs), made.forecasts(trained), rtol=1e-6
        )


def test_a_padded_window_begins_with_its_first_row():
    frame = wave_table(120, "2015-01-01", "MS", 12, 50.0)
    window = {"lookback": 12, "horizon": 6, "least_history": 3}
    trained = with_options(frame, steps=["difference", "standardize"], window=window)
    assert trained.least_rows == 4
    for rows in (4, 7, 13, 20):
        made = probe(trained, 2, rows)
        np.testing.assert_allclose(
            forecasts(trained, made.inputs), made.forecasts(trained), rtol=1e-6
        )
    short = {"history": probe(trained, 2, 4).inputs["history"][:, -1:]}
    assert np.isnan(forecasts(trained, short)).all()


def test_a_constant_series_stays_as_it_is_until_it_changes():
    y = np.concatenate([np.full(60, 7.0), 5 + noise(60)])
    frame = wave_table(60, "2015-01-01", "MS", 12, 50.0)
    frame = {"ds": [*frame.ds] * 2, "y": y, "unique_id": ["flat"] * 60 + ["other"] * 60}
    import pandas as pd

    trained = with_options(pd.DataFrame(frame))
    inputs, values = inputs_after(replace_future(), trained)
    assert (values[0] == 7.0).all()
    np.testing.assert_allclose(forecasts(trained, inputs), values, rtol=1e-6)
    inputs["history"][0, -2] = 8.0
    assert not (forecasts(trained, inputs)[0] == 7.0).any()


def replace_future():
    """A case without covariates of the future."""
    return air()


def test_what_a_model_refuses_is_nan_for_that_window_alone():
    _, trained = built("panel")
    made = probe(trained, 4, trained.rows_needed)
    whole = forecasts(trained, made.inputs)
    broken = {name: array.copy() for name, array in made.inputs.items()}
    broken["series"][0] = 3  # there are three
    broken["history"][1, -1, 0] = np.nan  # missing: error
    broken["future"][2, 0, 0] = np.nan
    found = forecasts(trained, broken)
    assert np.isnan(found[:3]).all()
    np.testing.assert_array_equal(found[3], whole[3])


def test_no_logarithm_is_nan_and_the_unknown_category_has_its_code():
    _, trained = built("air")
    made = probe(trained, 2, trained.rows_needed)
    made.inputs["history"][0, -3] = 0.0
    found = forecasts(trained, made.inputs)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    _, trained = built("panel")
    made = probe(trained, 2, trained.rows_needed)
    unknown, empty, strange = (
        {**made.inputs, "future": np.where([False, True], code, made.inputs["future"])}
        for code in (0.0, np.nan, 99.0)
    )
    values = forecasts(trained, unknown)
    np.testing.assert_array_equal(forecasts(trained, empty), values)
    np.testing.assert_array_equal(forecasts(trained, strange), values)


def test_a_feed_before_a_series_begins_is_nan():
    _, trained = built("panel")
    tail = trained.tail
    assert tail.num_series == 3
    horizon = np.zeros((3, trained.config.window.horizon, len(tail.columns)))
    extended = replace(tail, ahead=None).extend(horizon)
    rows = trained.rows_needed + 5
    inputs = feed(trained, extended, extended.offsets[1:] - 1 - horizon.shape[1], rows)
    assert np.isnan(inputs["history"][:, :5]).all()
    assert not np.isnan(inputs["history"][:, 5:]).any()
    assert panel().targets == ["y"]
