"""Fixtures for all tests; shapes and types of the package are checked at every call."""

import gc
import os
import signal
import sys

os.environ.setdefault("MPLBACKEND", "Agg")

from tests.checked import begin_test, check

check("forecast")

import jaxtyping  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("suite", deadline=None, max_examples=25, derandomize=True)
# `make slow` tries new examples each time; the suite the same ones, so that it tells of the code.
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.load_profile("suite")
# Under nohup, and in the background of a script, these are ignored, by all that is started too.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
torch.set_num_threads(1)  # small models are faster so, and processes do not wait for each other


@pytest.fixture
def no_pictures(monkeypatch):
    """Every picture is the same few bytes: drawing takes longer than training."""
    monkeypatch.setattr("forecast.drawing.plots.png", lambda figure: b"picture")


@pytest.fixture
def without_fitting(monkeypatch):
    """What fits and draws cannot be imported; test_imports.py holds that nobody does so at once."""
    heavy = {"sklearn", "scipy", "coreforecast", "statsmodels", "matplotlib"}
    for name in heavy | {name for name in sys.modules if name.split(".")[0] in heavy}:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def unchecked_shapes():
    """A traced graph has symbols for sizes and arrays of its own, unknown to the checker."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage meanwhile, a tenth of the time: what is collected is kept."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items):
    """Skip tests of a CUDA device where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


LEFT_OUT = (
    ("short_backtest", "forecast.backtesting.short", "MOST_SECONDS", -1.0),
    ("timed", "forecast.estimate", "_of_evaluation", lambda models, prepared: 0.5),
    ("timed", "forecast.estimate", "WARM_UP_STEPS", 1),
    ("timed", "forecast.estimate", "TIMED_STEPS", 1),
    ("synced", "os", "fsync", lambda descriptor: None),
)
"""The mark of the tests that want it, and what doubles the time of a training, or of a check; and
the waiting for the disk, of which a test without a power cut sees nothing."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Leave out what has tests of its own; not in a fixture, for those of modules come first."""
    begin_test()
    with pytest.MonkeyPatch.context() as patch:
        for mark, module, name, value in LEFT_OUT:
            if module in sys.modules and mark not in item.keywords:
                patch.setattr(sys.modules[module], name, value)
        return (yield)
