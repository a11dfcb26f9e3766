"""`forecast demo`."""

import tomllib
from pathlib import Path

import pytest

from forecast.cli import demo
from forecast.cli.arguments import parse

ROOT = Path(__file__).parents[2]


def test_it_runs_each_command_on_a_copy_of_the_bundled_series(tmp_path, monkeypatch, call):
    ran = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_carried_out", lambda words: ran.append(words) or 0)
    code, out, _ = call("demo")
    assert code == 0
    assert [words[0] for words in ran] == ["check", "lr-find", "train", "predict"]
    for words in ran:
        assert f"$ forecast {' '.join(words)}" in out
        assert parse(words)
    copied = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert copied == ["demo/configs/air_passengers.yaml", "demo/data/air_passengers.csv"]


def test_the_copy_can_be_checked_where_it_lies(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_carried_out", lambda words: 0)
    assert call("demo", "here")[0] == 0
    code, out, _ = call("check", "here/configs/air_passengers.yaml")
    assert code == 0
    assert "144 rows" in out


def test_a_command_that_fails_ends_it(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_carried_out", lambda words: 3 * (words[0] == "lr-find"))
    code, out, _ = call("demo")
    assert code == 3
    assert "forecast train" not in out


def test_a_folder_that_is_there_is_left_alone_unless_forced(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_carried_out", lambda words: 0)
    (tmp_path / "demo").mkdir()
    code, _, err = call("demo")
    assert (code, err) == (2, "forecast: demo exists; give another folder, or --force\n")
    assert not list((tmp_path / "demo").iterdir())
    assert call("demo", "--force")[0] == 0


@pytest.mark.slow
def test_it_ends_with_a_forecast(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("demo")
    assert code == 0
    assert "1961-12-01,passengers," in out
    assert (tmp_path / "demo/run/forecast.png").exists()


def test_the_wheel_carries_the_configurations_and_every_bundled_table():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried["configs"] == "forecast/bundled/configs"
    tables = {f"data/{path.name}" for path in (ROOT / "data").iterdir() if path.is_file()}
    assert {name: f"forecast/bundled/{name}" for name in tables}.items() <= carried.items()
