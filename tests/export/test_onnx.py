"""Files of ONNX: run at other numbers of windows and rows, compared, and described."""

import functools
import json

import numpy as np
import onnx
import pytest

import forecast
from forecast.errors import ConfigError
from forecast.export import onnx as exporting
from forecast.export.describe import KEY
from forecast.export.onnx import content_of, exported, require_packages
from forecast.export.probe import probe
from forecast.export.session import all_quantiles, session_of
from tests.forecasting.cases import BUILDERS, air, built, macro, panel
from tests.helpers import refusal

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # torch.onnx and its helpers warn of themselves
    pytest.mark.usefixtures("unchecked_shapes"),
]


@functools.cache
def panel_file():
    """A panel with covariates of all kinds and intervals, its model, and the file of this, made
    once: each row of a window that is read or forecast costs a tenth of a second more."""
    case = panel("parallel")
    case.config["window"] = {"lookback": 4, "horizon": 2}
    case.config["intervals"] = {"levels": [80, 95]}
    trained = forecast.train(case.config, case.frame)
    return case, trained, content_of(exported(trained), trained)


def test_a_file_forecasts_as_the_model_at_any_number_of_windows_and_rows():
    _, trained, content = panel_file()
    session = session_of(content)
    for count, rows in ((1, trained.rows_needed), (9, trained.rows_needed + 5)):
        made = probe(trained, count, rows)
        wanted = made.forecasts(trained)
        found = all_quantiles(session, made.inputs)
        assert found.shape == (count, 2, 1, 5)
        size = np.abs(wanted).max()
        assert np.abs(found - wanted).max() < 1e-5 * size
    shapes = {each.name: each.shape for each in session.get_inputs()}
    assert shapes["history"] == ["windows", "rows", 4]
    assert shapes["future"] == ["windows", 2, 2]


def test_a_file_says_what_it_is_and_nothing_of_the_machine_that_made_it():
    _, trained, content = panel_file()
    model = onnx.load_from_string(content)
    told = json.loads({each.key: each.value for each in model.metadata_props}[KEY])
    assert told["horizon"] == 2
    assert told["rows_needed"] == trained.rows_kept == 11
    assert told["frequency"] == "D"
    assert told["series"] == ["b", "007", "NA"]
    assert told["columns"] == ["lo-95", "lo-80", "forecast", "hi-80", "hi-95"]
    assert told["future"] == [
        {"name": "price", "categories": None, "labels": None},
        {"name": "event", "categories": ["fair", "sale"], "labels": None},
    ]
    assert told["units"]
    assert model.opset_import[0].version == 20
    assert b"/forecast/" not in content
    assert b"site-packages" not in content


def test_a_file_that_forecasts_otherwise_is_not_kept(monkeypatch):
    _, trained, content = panel_file()
    graph = onnx.load_from_string(content)
    weights = max(graph.graph.initializer, key=lambda each: len(each.raw_data))
    array = onnx.numpy_helper.to_array(weights)
    weights.CopyFrom(onnx.numpy_helper.from_array(array * 1.01, weights.name))
    message = refusal(exporting.require_parity, graph.SerializeToString(), trained)
    assert message.startswith("the exported model forecasts otherwise than the run, by ")


@pytest.mark.slow
def test_what_config_init_proposes_for_one_series_is_exported():
    """The pretrained network and partners that are fitted anew: all of it is in the file."""
    frame = macro("joint").frame.iloc[-70:]
    config = {
        "data": {"time": "quarter", "target": "realgdp"},
        "transforms": ["log", "standardize"],  # which its user may add
        "split": {"validation": 4, "test": 4},
        "window": {"lookback": 24, "horizon": 3, "least_history": 3},
        "model": {"start": "pretrained"},
        "partners": ["theta", "ets"],
        "training": {"loss": "mae", "epochs": 1},
    }
    trained = forecast.train(config, frame)
    assert trained.combination.counting.methods == ("lstm", "theta", "ets")
    (network,) = trained.models
    for is_whole in (False, True):  # as it comes, and after it has learned
        network.is_whole.fill_(is_whole)
        content = content_of(exported(trained), trained)  # is run beside the model
        assert session_of(content).get_inputs()[0].shape == ["windows", "rows", 1]


def test_a_package_that_is_missing_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = refusal(require_packages, error=ConfigError)
    assert message == "forecast export needs onnx: pip install 'forecast-lstm[onnx]'"


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_every_kind_of_table_is_exported(name):
    _, trained = built(name)
    assert content_of(exported(trained), trained)


ARCHITECTURES = {
    "gru": {"cell": "gru", "num_layers": 2},
    "rnn": {"cell": "rnn", "head": "recursive", "segment": 3},
    "two sizes": {"num_layers": 2, "hidden_size": [6, 4], "layer_norm": True, "residual": True},
    "batch norm": {"num_layers": 2, "batch_norm": True, "dropout": 0.2},
    "both directions": {"bidirectional": True, "head_activation": "gelu"},
    "dilated": {"num_layers": 2, "dilations": [1, 2]},
    "dilated parallel": {"num_layers": 2, "dilations": [1, 3], "head": "parallel", "segment": 2},
    "learned state": {"init": {"state": "learned"}, "head": "recursive", "segment": 2},
    "embedded": {"embedding_size": 5, "segment": 4, "window_norm": "segment_mean"},
    "full skip": {"linear_skip": "full", "window_norm": "last"},
    "segment skip": {"linear_skip": "segment", "segment": 3, "head": "parallel"},
    "mean": {"window_norm": "mean", "head": "recursive"},
    "projected": {"proj_size": 2, "num_layers": 2, "head": "recursive", "segment": 2},
    "standard": {"window_norm": "standard", "cell": "gru", "head": "parallel", "segment": 6},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_exported(name):
    case = air(model=ARCHITECTURES[name])
    trained = forecast.train(case.config, case.frame)
    assert content_of(exported(trained), trained)
