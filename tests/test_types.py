"""mypy and pyright see the exact types of what a user's script calls, and each mistake in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import forecast

ROOT = Path(forecast.__file__).parents[1]

TYPES = {
    "forecast.propose(frame, horizon=12)": "Config",
    "config.window.horizon": "int",
    "config.data.path": "str",
    "config.training.learning_rate": "float | Literal['auto']",
    'forecast.read_config("a.yaml", ["seed=1"])': "Config",
    "forecast.train(config, frame)": "TrainedModel",
    'forecast.load("runs/a")': "TrainedModel",
    "model.forecast(frame, horizon=12, level=[80])": "DataFrame",
    "model.plot()": "Figure",
    "model.summary": "dict[str, Any]",
    "forecast.quick({'t': [1, 2], 'y': [1.0, 2.0]}).forecast": "DataFrame",
    'forecast.quick("a.csv").verdict': "str",
    'forecast.quick(frame.to_dict("records")).windows': "int",
    "forecast.quick(io.StringIO()).season": "int",
    'forecast.quick(open("a.csv", "rb")).facts()': "dict[str, Any]",
    'forecast.backtest("a.yaml", folds=3)': "Backtest",
    'forecast.lr_find("a.yaml")': "LrFound",
    'forecast.report("runs/a")': "Path",
    "forecast.__version__": "str",
}
"""Expressions of a script, and their types."""
WRONG = (
    "forecast.quick(42)",
    "forecast.train(config, 'a.csv')",
    "forecast.trian(frame)",
    "forecast.train(frame, rum='a')",
    "forecast.quick(frame, horizon='12')",
    "config.window.horizont",
    "model.summary.verdict",
)
HEAD = """import io

import pandas as pd

import forecast


def see(config: forecast.Config, model: forecast.TrainedModel, frame: pd.DataFrame) -> None:
"""


def checked(folder, command):
    """A script's revealed types, in order, and the lines of its mistakes."""
    lines = [*(f"reveal_type({expression})" for expression in TYPES), *WRONG]
    (folder / "script.py").write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "script.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    types = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"', done.stdout)
    short = [re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", each) for each in types]
    mistakes = re.findall(r"script\.py:(\d+).*?error", done.stdout)
    assert short, done.stdout + done.stderr
    return short, [lines[int(each) - 1 - HEAD.count("\n")] for each in mistakes]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_types_of_a_script_are_exact(checker, tmp_path):
    if checker == "mypy":
        command = [sys.executable, "-m", "mypy", "--strict"]
    elif found := shutil.which("pyright", path=Path(sys.executable).parent):
        command = [found, "--pythonpath", sys.executable]
    else:
        pytest.skip("pyright is not installed")
    assert checked(tmp_path, command) == (list(TYPES.values()), list(WRONG))


def test_the_package_says_that_it_is_typed():
    assert (Path(forecast.__file__).parent / "py.typed").is_file()
