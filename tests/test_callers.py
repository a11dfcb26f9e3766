"""Programs around the package: their settings of torch, their threads and their forks."""

import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast.runs.host import one_training, own_state
from tests.helpers import wave_table

TABLE = wave_table(50, "2021-03-01", "D", period=7, level=30, noise=0.5, seed=4)
CONFIG = {
    "window": {"lookback": 7, "horizon": 3},
    "split": {"validation": 6, "test": 8},
    "model": {"hidden_size": 8, "num_layers": 2, "dropout": 0.1},
    "training": {
        "epochs": 2,
        "learning_rate": 0.01,
        "lr_range": {"seeds": 1, "steps": 40, "first": 1e-4, "last": 100.0},
    },
}


@contextlib.contextmanager
def set_to(read, write, value):
    """A setting of the process that a caller has made."""
    before = read()
    write(value)
    try:
        yield
        assert read() == value, "the caller's setting has changed"
    finally:
        write(before)


def set_deterministic(mode):
    torch._C._set_deterministic_algorithms(mode)  # the public one imports a compiler


CALLERS = {
    "float64": lambda: set_to(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "device": lambda: torch.device("meta"),
    "default device": lambda: set_to(
        torch.get_default_device, torch.set_default_device, torch.device("meta")
    ),
    "inference": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": lambda: set_to(
        torch.are_deterministic_algorithms_enabled, set_deterministic, True
    ),
    "precision": lambda: set_to(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "anomaly": lambda: set_to(
        torch.is_anomaly_enabled, lambda mode: torch.set_anomaly_enabled(mode), True
    ),
    "threads": lambda: set_to(torch.get_num_threads, torch.set_num_threads, 3),
    "numpy": lambda: np.errstate(all="raise"),
}


pytestmark = pytest.mark.usefixtures("no_pictures")


def forecasts(model):
    return model.forecast().forecast.to_numpy()


@pytest.fixture(scope="module")
def plain():
    """The model of a caller who has set nothing."""
    return forecast.train(CONFIG, TABLE)


@pytest.mark.parametrize("name", CALLERS)
def test_a_training_is_the_same_whatever_its_caller_has_set(name, plain):
    with CALLERS[name]():
        model = forecast.train(CONFIG, TABLE)
        found = forecasts(model)
    np.testing.assert_array_equal(found, forecasts(plain))
    np.testing.assert_array_equal(forecasts(model), found)


def test_every_call_is_the_same_whatever_its_caller_has_set(plain, tmp_path):
    plain.save(tmp_path / "model.safetensors")

    def calls():
        model = forecast.load(tmp_path / "model.safetensors")
        quick = forecast.quick(TABLE, horizon=3, partners=[])
        return (
            forecasts(model),
            forecast.lr_find(CONFIG, TABLE).sweeps[0].points,
            forecast.backtest(CONFIG, folds=2, data=TABLE).forecasts.to_numpy().tolist(),
            quick.forecast.to_numpy().tolist(),
        )

    expected = calls()
    with contextlib.ExitStack() as stack:
        for name in ("numpy", "threads", "float64", "autocast", "inference", "device"):
            stack.enter_context(CALLERS[name]())
        found = calls()
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1:] == expected[1:]


def test_a_notebook_is_shown_how_a_training_goes_unless_it_is_to_be_quiet(monkeypatch):
    updates = []
    handle = SimpleNamespace(update=lambda content, raw: updates.append(content["text/plain"]))
    shell = SimpleNamespace(kernel=None)
    module = SimpleNamespace(display=lambda *_, **__: handle, get_ipython=lambda: shell)
    for name in ("IPython", "IPython.display", "ipykernel"):
        monkeypatch.setitem(sys.modules, name, module)
    forecast.train(CONFIG, TABLE, quiet=True)
    assert updates == []
    forecast.train(CONFIG, TABLE)
    assert "epoch 2/2: loss" in updates[-1]


def test_trainings_in_threads_are_those_in_turn(tmp_path):
    def trained(seed):
        run = tmp_path / f"{len(list(tmp_path.iterdir()))}-{seed}"
        model = forecast.train({**CONFIG, "seed": seed}, TABLE, run)
        forecast.load(run)  # builds a model, too
        return forecasts(model).tolist(), (run / "log.txt").read_text().count("epochs are done")

    expected = [trained(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(trained, range(3))) == expected


def test_quick_does_not_wait_for_the_training_of_another_thread():
    expected = forecast.quick(TABLE, horizon=3, partners=[]).forecast
    with one_training(), ThreadPoolExecutor(1) as threads:  # as a long training holds it
        found = threads.submit(forecast.quick, TABLE, 3, partners=[])
        pd.testing.assert_frame_equal(found.result(timeout=60).forecast, expected)


def test_each_thread_has_its_number_of_threads_back_whichever_ends_first():
    with set_to(torch.get_num_threads, torch.set_num_threads, 3), ThreadPoolExecutor(1) as threads:
        entered, done = threading.Event(), threading.Event()

        def long_call():
            with own_state():
                entered.set()
                assert done.wait(60)
                return torch.get_num_threads()

        running = threads.submit(long_call)
        assert entered.wait(60)
        forecast.quick(TABLE, horizon=3, partners=[])  # within the other, and over before it
        assert torch.get_num_threads() == 3
        done.set()
        assert running.result() == 1
        assert threads.submit(torch.get_num_threads).result() == 3


FORKS = """
import os, signal, sys, torch
import forecast
from tests.test_callers import CONFIG, TABLE, forecasts
torch.set_num_threads(2)
config = {**CONFIG, "model": {"hidden_size": 256}}
expected = forecasts(forecast.train(config, TABLE))
child = os.fork()
if not child:
    signal.alarm(40)
    ones = torch.ones(1000, 1000)
    is_wrong = (ones @ ones).sum() != 1e9
    os._exit(int(is_wrong or (forecasts(forecast.train(config, TABLE)) != expected).any()))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_can_be_forked_after_a_training():
    done = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, check=False, timeout=250
    )
    assert done.stdout == "0\n", done.stderr
