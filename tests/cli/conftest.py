"""Fixtures for the tests of the commands."""

import pytest

from forecast.cli.main import main
from tests.cli.helpers import after_epoch, furnish, raising


@pytest.fixture(autouse=True)
def without_pictures(no_pictures):
    """Drawing takes longer than training."""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a table and a configuration, to work in."""
    monkeypatch.chdir(tmp_path)
    return furnish(tmp_path)


@pytest.fixture(scope="package")
def run(tmp_path_factory):
    """The folder of a finished run; nobody may change it."""
    folder = furnish(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("forecast.drawing.plots.png", lambda figure: b"picture")
        assert main(["train", "config.yaml", "--run", "run", "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def call(capsys):
    """Run a command; exit code, stdout, stderr."""

    def run_command(*words):
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def refuse(call):
    """Run a command that fails; its one line. Nothing goes to stdout."""

    def run_command(code, *words):
        found, out, err = call(*words)
        lines = [line for line in err.splitlines() if line.startswith("forecast: ")]
        assert (found, out, len(lines)) == (code, "", 1), err
        return lines[0].removeprefix("forecast: ")

    return run_command


@pytest.fixture
def interrupted(place, refuse, monkeypatch):
    """A run that was interrupted after its first epoch."""
    with monkeypatch.context() as patch:
        after_epoch(patch, raising(KeyboardInterrupt))
        message = refuse(130, "train", "config.yaml", "--run", "part")
    assert message == "interrupted; go on with: forecast train --resume part"
    return place / "part"
