"""What commands refuse, in exactly these words and with this exit code; nothing is changed."""

import os
from pathlib import Path

import pytest
import yaml

from forecast.cli.main import main
from tests.cli.helpers import TABLE, after_epoch, contents_of, furnish, raising

REFUSALS = yaml.safe_load((Path(__file__).parents[1] / "refusals.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, run):
    """A folder with all that a command may meet: runs, a backtest, folders and tables of others."""
    folder = furnish(tmp_path_factory.mktemp("workshop"))
    for name in ("empty", "photos", "run", "curve"):
        (folder / name).mkdir()
    (folder / "curve" / "lr_range.csv").write_text("a curve")
    (folder / "photos" / "forecast.png").write_text("a holiday")
    for path in run.iterdir():
        (folder / "run" / path.name).write_bytes(path.read_bytes())
    (folder / "table.csv").unlink()
    os.link(run.parent / "table.csv", folder / "table.csv")
    os.link(run.parent / "table.csv", folder / "hard.csv")
    os.link(folder / "run" / "model.safetensors", folder / "model.csv")
    (folder / "out.csv").write_text("old")
    TABLE.to_csv(folder / "newer.csv", index=False)
    (folder / "link.csv").symlink_to("newer.csv")
    TABLE.iloc[-5:].to_csv(folder / "short.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("forecast.drawing.plots.png", lambda figure: b"picture")
        assert main(["backtest", "config.yaml", "--folds", "1", "--output", "back"]) == 0
        after_epoch(patch, raising(KeyboardInterrupt))
        assert main(["train", "config.yaml", "--run", "part"]) == 130
    return folder


@pytest.mark.parametrize("entry", REFUSALS["commands"], ids=lambda entry: entry["given"])
def test_a_command_is_refused_in_these_words(entry, workshop, refuse, monkeypatch):
    monkeypatch.chdir(workshop)
    before = contents_of(workshop)
    assert refuse(entry["code"], *entry["given"].split()) == entry["says"]
    assert contents_of(workshop) == before
