"""`forecast tune`: the files of a study, and that the same command goes on with it."""

import json

import pytest

from forecast.config.tree import read_config
from tests.cli.helpers import names_in, rows_of

SPACE = (
    "tune={training.learning_rate: {low: 1e-3, high: 0.1, log: true}, model.hidden_size: [3, 4]}"
)
STUDY = {"study.jsonl", "study.csv", "best.yaml", "history.png", "slices.png"}


@pytest.fixture
def study(place, call):
    """A study of three trials."""
    code, out, _ = call("tune", "config.yaml", SPACE, "--trials", 3, "--output", "out", "--json")
    assert code == 0
    return json.loads(out)


def test_a_study_leaves_a_table_a_configuration_and_pictures(place, call, study):
    assert STUDY <= names_in(place / "out") <= STUDY | {"importance.png"}
    rows = rows_of((place / "out" / "study.csv").read_text())
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    best = min((row for row in rows if row["state"] == "complete"), key=lambda r: float(r["MASE"]))
    assert study["best"]["score"] == float(best["MASE"])
    text = (place / "out" / "best.yaml").read_text()
    assert text.startswith(f"# validation MASE {float(best['MASE']):.6g}, trial {best['trial']}")
    config = read_config(place / "out" / "best.yaml")
    assert config.training.learning_rate == float(best["training.learning_rate"])
    assert config.model.hidden_size == int(best["model.hidden_size"])
    assert "path: ../table.csv" in text
    assert (config.training.epochs, config.tune) == (3, {})
    assert call("check", "out/best.yaml", "--quiet")[0] == 0


def test_the_same_command_goes_on_with_a_study(place, call, study):
    before = rows_of((place / "out" / "study.csv").read_text())
    code, out, _ = call("tune", "config.yaml", SPACE, "--trials", 5, "--output", "out", "--quiet")
    assert code == 0
    rows = rows_of((place / "out" / "study.csv").read_text())
    assert rows[:3] == before
    assert len(rows) == 5
    assert "now run: forecast train out/best.yaml" in out


def test_ctrl_c_says_how_to_go_on(place, refuse, monkeypatch):
    from tests.cli.helpers import after_epoch, raising

    after_epoch(monkeypatch, raising(KeyboardInterrupt), number=5)
    words = ("tune", "config.yaml", SPACE, "--trials", 3, "--output", "out")
    message = refuse(130, *words)
    assert message == "interrupted; the same command with --output out goes on"
    rows = rows_of((place / "out" / "study.csv").read_text())
    assert [row["state"] for row in rows] == ["complete", "interrupted"]


def test_without_optuna_the_remedy_is_said(place, refuse, monkeypatch):
    monkeypatch.setattr("forecast.cli.tune.find_spec", lambda name: None)
    message = refuse(2, "tune", "config.yaml")
    assert message == "forecast tune needs optuna: pip install 'forecast-lstm[tune]'"
