"""Every bundled configuration trains, and the demo keeps what the README says of it."""

import pathlib

import pytest

from forecast import api
from forecast.config.tree import read_config

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def trained(name, *overrides):
    return api.train(read_config(ROOT / "configs" / f"{name}.yaml", ["device=cpu", *overrides]))


def test_the_demo_beats_seasonal_naive_by_forty_percent():
    metrics = trained("air_passengers").summary["metrics"]
    assert metrics["lstm"]["MAE"] <= 0.6 * metrics["seasonal_naive"]["MAE"]
    assert metrics["seasonal_naive"]["MAE"] == pytest.approx(38.61, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [("macro", 0.6), ("sunspots", 1.05), ("co2", 0.35)])
def test_the_others_train_to_a_bound(name, share):
    metrics = trained(name).summary["metrics"]
    assert metrics["lstm"]["MAE"] <= share * metrics["seasonal_naive"]["MAE"]


@pytest.mark.parametrize("name", ["macro", "sunspots", "co2", "co2_change"])
def test_the_others_train_to_a_verdict(name):
    """One network of two epochs; without partners, which have tests of their own."""
    short = ["training.epochs=2", "training.ensemble=1", "partners=[]"]
    model = trained(name, *short)
    opponent = "seasonal label" if name == "co2_change" else "seasonal naive"
    assert opponent in model.summary["verdict"]
    assert len(model.forecast()) == model.config.window.horizon * len(model.pipeline.targets)


@pytest.mark.slow
def test_labels_are_right_more_often_than_the_best_opponent():
    model = trained("co2_change")
    metrics = model.summary["metrics"]
    assert metrics["seasonal_label"]["accuracy"] == pytest.approx(0.6994, abs=5e-5)
    assert metrics["lstm"]["accuracy"] > metrics["seasonal_label"]["accuracy"] + 0.05
    assert metrics["lstm"]["log_loss"] < 0.6 * metrics["seasonal_label"]["log_loss"]
    assert "more often right than the seasonal label" in model.summary["verdict"]
    assert {*model.forecast().forecast} <= {"falls", "steady", "rises"}


def test_no_configuration_is_left_untried():
    assert set(CONFIGS) == {"air_passengers", "co2", "co2_change", "macro", "sunspots", "reference"}
