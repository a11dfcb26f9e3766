"""Formulas of NumPy recorded as nodes of ONNX: what a runtime makes of them is what NumPy does."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from forecast.export.array_functions import FUNCTIONS
from forecast.export.arrays import Recorder
from forecast.export.session import session_of
from forecast.partners.ets import ETS
from forecast.partners.histories import forecast_rows
from forecast.partners.theta import THETA
from forecast.pretrained.forecaster import inputs_of
from forecast.pretrained.known import median
from forecast.pretrained.parts import parts, shares_of

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("unchecked_shapes")]
ROWS = 40


def recorded(formula, sample):
    """A session that runs a formula, which was seen with a few histories."""
    recorder = Recorder()
    given = recorder.array(sample)
    with np.errstate(all="ignore"):
        outputs = formula(given)
    kinds = [helper.np_dtype_to_tensor_dtype(each.sample.dtype) for each in outputs]
    graph = helper.make_graph(
        recorder.nodes,
        "formula",
        [helper.make_tensor_value_info(given.name, TensorProto.DOUBLE, ["B", sample.shape[1]])],
        [
            helper.make_tensor_value_info(each.name, kind, None)
            for each, kind in zip(outputs, kinds, strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = session_of(model.SerializeToString())
    return lambda values: session.run(None, {given.name: values})


def histories(count, season):
    """Trends and seasons; short ones, with gaps, counts with zeros, and one that is constant."""
    rng = np.random.default_rng(3)
    step = np.arange(ROWS)
    values = 50 + 9 * np.sin(2 * np.pi * step / max(season, 3) + np.arange(count)[:, None])
    values += rng.normal(0, 2, values.shape) + step * rng.normal(0, 0.2, (count, 1))
    values[::4] = np.maximum(np.round(values[::4] - 52), 0)
    values[rng.random(values.shape) < 0.05] = np.nan
    values[:, [0, ROWS // 2, -1]] = 40.0
    values[count // 2 :, : ROWS // 2] = np.nan  # partners are given the longest ones first
    values[-1, ROWS // 2 :] = 7.0
    return values


def require_same(formula, season):
    run = recorded(formula, histories(3, season))
    for count in (1, 11):
        values = histories(count, season)
        with np.errstate(all="ignore"):
            wanted = formula(values)
        for found, each in zip(run(values), wanted, strict=True):
            assert found.shape == each.shape
            np.testing.assert_allclose(found, each, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("season", [1, 7])
def test_inputs_of_parts_of_histories_are_recorded(season):
    def told(values):
        return inputs_of(
            parts(values, shares_of(season), season, 5), season, 5, 14 if season > 1 else 0
        )

    require_same(told, season)


@pytest.mark.parametrize("season", [1, 4])
@pytest.mark.parametrize("method", [THETA, ETS])
def test_partners_that_are_fitted_anew_are_recorded(method, season):
    require_same(lambda values: (forecast_rows(method, values, season, 5),), season)


def test_medians_and_places_and_signs_are_those_of_numpy():
    def formula(values):
        return (
            median(values, axis=1),
            np.arcsinh(values * 1e3),
            np.arcsinh(values * 1e-9),
            np.arcsinh(-values * 1e200),
            np.fmax(values, values[:, ::-1]),
            np.nan_to_num(values)[:, ::-2].clip(3, 50),
        )

    require_same(formula, 4)


def test_what_is_not_known_how_to_record_is_an_error():
    recorder = Recorder()
    with pytest.raises(KeyError):
        np.roll(recorder.array(np.zeros((2, 3))), 1)
    assert np.roll not in FUNCTIONS
