"""`forecast check`: the findings, the windows, the rules of thumb, and honest estimates."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from forecast import check
from forecast.check import hidden_unit_rules, inspect
from forecast.config.tree import config_from
from forecast.estimate import Cost
from forecast.experiment import train
from forecast.prepare import prepare
from forecast.tables import table
from forecast.training import learner

DATA = Path(__file__).parents[1] / "data"
AIR = {"path": str(DATA / "air_passengers.csv"), "time": "month", "target": ("passengers",)}
CO2 = {"path": str(DATA / "co2.csv"), "time": "week", "target": ("co2",)}
MACRO = {
    "path": str(DATA / "macro.csv"),
    "time": "quarter",
    "target": ("realgdp", "realcons"),
    "past": ("unemp", "tbilrate"),
}
SUNSPOTS = {"path": str(DATA / "sunspots.csv"), "time": "year", "target": ("sunspots",)}
LAGGED = ({"difference": {"lag": 12}}, "standardize")


def config(data, *overrides: str, **sections):
    small = {"model": {"hidden_size": 4}, "split": {"validation": 24, "test": 36}, "device": "cpu"}
    return config_from({"data": data, **small, **sections}, overrides)


@pytest.fixture
def one_thread():
    """Threads that wait for each other on a busy machine would be all that is measured."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_air_passengers_by_hand():
    result = inspect(config(AIR, transforms=LAGGED, window={"lookback": 24, "horizon": 12}))
    assert result["data"] == {
        "source": AIR["path"],
        "rows": 144,
        "series": 1,
        "shortest": 144,
        "longest": 144,
        "first": "1949-01-01",
        "last": "1960-12-01",
        "frequency": "MS",
        "timezone": None,
        "columns": ["passengers"],
    }
    assert result["findings"] == []
    # Of the 84 training rows 12 have no difference; a part's targets lie within it.
    train_windows = (84 - 12) - (24 + 12) + 1
    assert result["windows"] == {"train": train_windows, "validation": 13, "test": 25}
    assert result["season"] == 12
    assert result["difference_orders"] == [{"lag": 12, "order": 1}, {"lag": 1, "order": 1}]
    lstm = 4 * (4 * (1 + 4) + 2 * 4)  # four gates: input and recurrent weights, two biases
    assert result["parameters"] == lstm + (4 + 1) * 12
    assert (result["epochs"], result["steps_per_epoch"]) == (100, math.ceil(train_windows / 32))


def test_co2_reports_its_empty_weeks():
    result = inspect(config({**CO2, "missing": "interpolate"}))
    assert [finding["kind"] for finding in result["findings"]] == ["empty"]
    assert f"{CO2['path']}:8: column 'co2' is empty in 59 rows" in result["findings"][0]["message"]
    assert result["data"]["frequency"] == "W-SAT"
    assert result["season"] == 52
    assert "problem" not in result


def test_macro_has_targets_and_covariates():
    result = inspect(config(MACRO, window={"lookback": 8, "horizon": 4}))
    assert result["data"]["columns"] == ["realgdp", "realcons", "unemp", "tbilrate"]
    assert result["season"] == 4
    assert {finding["kind"] for finding in result["findings"]} == {"outlier"}
    lstm = 4 * (4 * (4 + 4) + 2 * 4)
    assert result["parameters"] == lstm + (4 + 1) * 4 * 2
    assert (result["hidden_units"]["input"], result["hidden_units"]["output"]) == (8 * 4, 4 * 2)


def test_sunspots_have_integer_times():
    result = inspect(config({**SUNSPOTS, "season": 11}))
    assert (result["data"]["first"], result["data"]["last"]) == ("1700", "2008")
    assert (result["data"]["frequency"], result["season"]) == (1, 11)
    assert result["difference_orders"] == []


def test_hidden_unit_rules_by_hand():
    prepared = prepare(config(AIR, transforms=LAGGED, window={"lookback": 24, "horizon": 12}))
    assert hidden_unit_rules(prepared) == {
        "configured": 4,
        "input": 24,
        "output": 12,
        "between": [12, 24],
        "two_thirds": 28,  # 16 + 12
        "geometric_mean": 17,  # 16.97
        "samples_bound": [0.1, 0.5],  # 37 windows / (10 * 36) and / (2 * 36)
    }


def test_an_output_larger_than_the_input_is_the_upper_bound():
    prepared = prepare(config(AIR, window={"lookback": 3, "horizon": 12}))
    rules = hidden_unit_rules(prepared)
    assert rules["between"] == [3, 12]
    assert rules["two_thirds"] == 14
    assert rules["geometric_mean"] == 6
    assert rules["samples_bound"] == [round(70 / 150, 1), round(70 / 30, 1)]


def test_rows_that_are_missing_are_a_problem_after_the_findings():
    result = inspect(config(CO2))
    assert result["findings"][0]["kind"] == "empty"
    assert result["problem"] == (
        f"{CO2['path']}:8: column 'co2' is empty (59 empty cells in all); set data.missing:"
        " interpolate, forward_fill or mask"
    )
    assert result["exit_code"] == 3
    assert set(result) == {"data", "findings", "problem", "exit_code"}


def test_a_configuration_that_does_not_fit_is_a_problem_with_its_own_code():
    result = inspect(config(AIR, "split.test=3"))
    assert result["exit_code"] == 2
    assert result["problem"].startswith("split.test: 3 rows hold no window of 12 known steps")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there_is_a_problem_after_the_findings():
    result = inspect(config({**CO2, "missing": "mask"}, "device=cuda"))
    assert result["findings"]
    assert result["exit_code"] == 4
    assert "device 'cuda' is not there" in result["problem"]


def test_a_table_that_cannot_be_read_is_a_problem(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("ds,y\n2024-01-01,1\n2024-01-01,2\n2024-01-02,3\n")
    result = inspect(config({"path": str(path)}))
    assert (result["findings"], result["exit_code"]) == ([], 3)
    assert set(result) == {"findings", "problem", "exit_code"}
    assert result["problem"] == (
        f"{path}:3: column 'ds': 2024-01-01 appears twice; keep one row a time, set"
        " data.duplicates: mean (or sum, first, last), or name the column of series in data.id"
    )


def test_nothing_is_written_and_the_random_state_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    inspect(config(AIR))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert list(tmp_path.iterdir()) == []


def test_the_result_is_json():
    layers = ("model.hidden_size=[8, 4]", "model.num_layers=2")
    for result in (inspect(config(AIR, *layers)), inspect(config(CO2))):
        assert json.loads(json.dumps(result)) == result


def saved_bytes(*overrides: str) -> float:
    result = inspect(config({**CO2, "missing": "interpolate"}, *overrides))
    return float(result["memory_mb"] * 2**20)


BASE = ("model.hidden_size=64", "window.lookback=50", "training.batch_size=50")
STATES = 50 * 50 * 64 * 4
"""Bytes of one number a window, step and unit."""


def take_batches_whole(patch):
    patch.setattr(learner, "LEAST_WORK_TO_SHARE", 10**12)
    patch.setattr(learner, "MOST_WORK_OF_A_CHUNK", 10**12)


@pytest.fixture(scope="module")
def whole():
    """Bytes of a batch as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        take_batches_whole(patch)
        return saved_bytes(*BASE)


def test_memory_is_between_the_gates_and_a_few_times_as_much(whole):
    # An LSTM keeps four gates, the hidden and the cell state at least.
    assert 6 * STATES < whole < 25 * STATES


@pytest.mark.parametrize(
    ("override", "factor"),
    [
        ("training.batch_size=100", 2),
        ("window.lookback=100", 2),
        ("model.num_layers=3", 3),
        ("model.bidirectional=true", 2),
        ("model.segment=5", 0.2),
    ],
)
def test_memory_grows_with_what_a_batch_keeps(override, factor, whole, monkeypatch):
    take_batches_whole(monkeypatch)
    assert saved_bytes(*BASE, override) / whole == pytest.approx(factor, rel=0.3)


@pytest.mark.parametrize(("threads", "factor"), [(1, 1 / 4), (2, 1 / 2)])
def test_of_a_batch_in_chunks_only_those_at_work_count(threads, factor, whole, monkeypatch):
    take_batches_whole(monkeypatch)
    monkeypatch.setattr(check.torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(learner, "MOST_WORK_OF_A_CHUNK", 50 * 50 * 64 // 4)
    assert saved_bytes(*BASE) / whole == pytest.approx(factor, rel=0.3)


def test_memory_of_a_wide_model_is_that_of_its_weights():
    wide = ("model.hidden_size=512", "window.lookback=1", "training.batch_size=1")
    weights = 4 * (4 * 512 * (1 + 512 + 2) + 512 * 12 + 12)
    # Weights, gradients and the two moments of Adam.
    assert saved_bytes(*wide) == pytest.approx(4 * weights, rel=0.1)


def test_the_time_is_that_of_the_training_and_of_what_follows_it(monkeypatch):
    monkeypatch.setattr(check, "measured", lambda prepared, device: Cost(0.05, 0.5, 7.0))
    # 84 training rows hold 49 windows: two steps an epoch.
    case = config(AIR, "training.ensemble=3", window={"lookback": 24, "horizon": 12})
    found = inspect(case)
    assert found["training_seconds"] == pytest.approx(3 * 100 * (2 * 0.05 + 0.5))
    assert found["seconds"] == found["training_seconds"] + 7
    case = config(AIR, "training.max_minutes=0.5", window={"lookback": 24, "horizon": 12})
    found = inspect(case)
    assert (found["max_minutes"], found["training_seconds"], found["seconds"]) == (0.5, 30, 37)


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.usefixtures("one_thread")
def test_the_estimated_time_is_within_a_factor_of_three():
    """Other programs may take the processor now and then: the best of three tries counts."""
    case = config(
        {**CO2, "missing": "interpolate"},
        "training.epochs=2",
        window={"lookback": 52, "horizon": 13},
        model={"hidden_size": 32},
    )
    ratios = []
    for _ in range(3):
        *_, last = train(case)
        ratios.append(inspect(case)["training_seconds"] / last.epoch.seconds)
        if 1 / 3 < ratios[-1] < 3:
            return
    raise AssertionError(f"estimated / measured: {ratios}")


def test_a_panel_in_a_time_zone_is_told_in_local_times(tmp_path):
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {
                "shop": name,
                "ds": pd.date_range("2024-03-30", periods=rows, freq="h").strftime("%F %T+00:00"),
                "y": rng.normal(size=rows),
            }
        )
        for name, rows in (("a", 200), ("b", 150))
    ]
    path = tmp_path / "panel.csv"
    pd.concat(frames).to_csv(path, index=False)
    data = {"path": str(path), "id": "shop", "timezone": "Europe/Berlin"}
    found = inspect(config(data))["data"]
    assert (found["rows"], found["series"]) == (350, 2)
    assert (found["shortest"], found["longest"]) == (150, 200)
    assert (found["first"], found["last"]) == (
        "2024-03-30 01:00:00+01:00",
        "2024-04-07 09:00:00+02:00",
    )
    assert (found["frequency"], found["timezone"]) == ("h", "Europe/Berlin")


def test_check_and_training_open_their_table_once(tmp_path, monkeypatch):
    """What is checked is what is trained on, even if the file is written anew meanwhile."""
    opened, without_waiting = [], table._without_waiting
    monkeypatch.setattr(
        table, "_without_waiting", lambda *each: opened.append(each) or without_waiting(*each)
    )
    (tmp_path / "table.csv").write_bytes(Path(AIR["path"]).read_bytes())
    air = config({**AIR, "path": str(tmp_path / "table.csv")}, "training.epochs=1")
    assert "problem" not in inspect(air)
    assert len(opened) == 1
    list(train(air))
    assert len(opened) == 2


@pytest.mark.parametrize(("rows", "needed"), [(36, None), (35, 36), (12, 36)])
def test_weights_that_validation_cannot_judge_are_kept_after_one_epoch(rows, needed):
    """A training does as `check` says: it ends after one epoch where it is told so, else not."""
    again = {"epochs": 3, "refit": True, "batch_size": 64}
    whole = config(
        AIR,
        window={"lookback": 24, "horizon": 12},
        split={"validation": rows, "test": 36},
        model={"start": "pretrained"},
        training=again,
    )
    told = inspect(whole)
    assert told["kept_below"] == needed
    assert (told["epochs"], told["refit"]) == ((1, False) if needed else (3, True))
    first_training = whole.updated("training", refit=False)
    epochs = [progress.epoch.number for progress in train(first_training)]
    assert (max(epochs) == 1) == bool(needed)
