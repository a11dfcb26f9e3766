"""Fixtures for all tests; shapes and types of the package are checked at every call."""

import os
import sys

os.environ.setdefault("MPLBACKEND", "Agg")

from tests.checked import check

check("forecast")

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)  # small models are faster so, and processes do not wait for each other


@pytest.fixture
def no_pictures(monkeypatch):
    """Every picture is the same few bytes: drawing takes longer than training."""
    monkeypatch.setattr("forecast.drawing.plots.png", lambda figure: b"picture")


def pytest_collection_modifyitems(items):
    """Skip tests of a CUDA device where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def no_short_backtest(monkeypatch, request):
    """A short backtest doubles the time of a training; it has tests of its own."""
    if "forecast.experiment" in sys.modules and "short_backtest" not in request.keywords:
        monkeypatch.setattr("forecast.backtesting.short.MOST_SECONDS", -1.0)
