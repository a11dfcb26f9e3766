"""The file of a trained model: there and back, and what is refused of another one."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import forecast
from forecast.data.assemble import read_panel
from forecast.errors import DataError, DeviceError
from forecast.forecasting.model_file import load
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import MODEL_FILE
from tests.forecasting.cases import built
from tests.helpers import refusal


@pytest.fixture(scope="module")
def air_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("air") / "run" / MODEL_FILE
    path.parent.mkdir()
    built("air")[1].save(path)
    return path


def test_load_from_a_folder_or_a_file(air_file, tmp_path):
    expected = built("air")[1].forecast()
    (tmp_path / "bare").write_bytes(air_file.read_bytes())
    for place in (
        air_file,
        str(air_file),
        air_file.parent,
        str(air_file.parent),
        tmp_path / "bare",
    ):
        assert_frame_equal(load(place).forecast(), expected, check_exact=True)
    assert forecast.load is load


def test_a_model_on_steps_beyond_31_bits_is_loaded(tmp_path):
    """Hourly times as microseconds: what trains must load."""
    hour, begin = 3_600_000_000, 1_704_067_200_000_000
    frame = pd.DataFrame({"ds": begin + hour * np.arange(40), "y": np.arange(40) % 5.0})
    sections = {"split": {"validation": 6, "test": 6}, "window": {"lookback": 5, "horizon": 2}}
    small = {"model": {"hidden_size": 2}, "training": {"epochs": 1}, "intervals": {"levels": []}}
    trained = forecast.train({"data": {"frequency": hour}, **sections, **small}, data=frame)
    trained.save(tmp_path / "model.safetensors")
    table = load(tmp_path / "model.safetensors").forecast()
    assert table.ds.tolist() == [begin + 40 * hour, begin + 41 * hour]
    assert_frame_equal(table, trained.forecast(), check_exact=True)


@pytest.mark.parametrize("place", ["none", "none.safetensors", "folder.v2", ""])
def test_load_where_nothing_is(tmp_path, place):
    message = refusal(load, tmp_path / place, error=DataError)
    assert message.startswith(str(tmp_path / place))
    assert message.endswith("No such file or directory; give the folder of a finished run")


def test_load_a_run_that_was_interrupted(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    for place in (tmp_path, tmp_path / MODEL_FILE):
        assert refusal(load, place, error=DataError) == (
            f"{tmp_path}: the run is not finished; go on with forecast train --resume {tmp_path}"
        )


def test_load_onto_a_device_that_is_not_there(air_file):
    with pytest.raises(DeviceError, match="device 'cuda:999' is not there; choose auto, cpu"):
        load(air_file, "cuda:999")


def test_load_leaves_the_random_state_alone(air_file):
    before = torch.random.get_rng_state()
    load(air_file).forecast()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_resume_file_is_no_model(air_file, tmp_path):
    save_checkpoint(tmp_path / MODEL_FILE, "resume", *load_checkpoint(air_file, "model"))
    message = refusal(load, tmp_path, error=DataError)
    assert message.endswith("not a model checkpoint of this program")


def test_tail_is_short_and_named(air_file):
    tensors, content = load_checkpoint(air_file, "model")
    assert tensors["tail.values"].shape == (24, 1)
    assert tensors["tail.values"][-1].item() == 432
    assert content["columns"] == ["passengers"]
    assert content["config"]["data"]["frequency"] == "MS"
    assert math.isfinite(content["summary"]["metrics"]["lstm"]["MAE"])


def test_loading_and_forecasting_import_no_fitting_or_drawing_packages(tmp_path, request):
    """In a process that is started anew: tests/cli/test_main.py, of `predict`."""
    case, trained = built("panel")
    trained.save(tmp_path / MODEL_FILE)
    for name, table in (("history", case.frame), ("future", case.future)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    request.getfixturevalue("without_fitting")
    table = load(tmp_path).forecast(str(tmp_path / "history.csv"), str(tmp_path / "future.csv"))
    assert len(table) == 18


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["air", "panel_recursive", "ensemble"])
def test_from_cuda_to_cpu_and_back(name, tmp_path):
    case, on_cpu = built(name)
    on_cuda = forecast.train({**case.config, "device": "cuda"}, case.frame)
    assert next(on_cuda.models[0].parameters()).is_cuda
    for model, place in ((on_cuda, "cpu"), (on_cpu, "cuda")):
        model.save(tmp_path / MODEL_FILE)
        loaded = load(tmp_path, place)
        assert next(loaded.models[0].parameters()).device.type == place
        expected = model.forecast(future=case.future)
        assert_frame_equal(loaded.forecast(future=case.future), expected, rtol=1e-2)


def test_a_future_in_the_table_itself_is_kept(tmp_path):
    case, trained = built("panel")
    whole = pd.concat([case.frame, case.future], ignore_index=True)
    static = ["size", "shop", "town", "land"]
    whole[static] = whole.groupby("unique_id")[static].transform("first")
    panel = read_panel(trained.config.data, whole)
    known = replace(trained, tail=replace(trained.tail, ahead=panel.ahead))
    known.save(tmp_path / MODEL_FILE)
    expected = trained.forecast(future=case.future)
    for model in (known, load(tmp_path)):
        assert_frame_equal(model.forecast(), expected, check_exact=True)
        assert_frame_equal(model.forecast(data=whole), trained.forecast(case.frame, case.future))
