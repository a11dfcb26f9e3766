"""Imports go one way, and heavy packages are imported where they are needed and nowhere else."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "forecast"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
FLOORS = (
    ("errors",),
    ("config", "runs"),
    ("tables",),
    ("times",),
    ("data", "models"),
    ("pretrained", "given"),
    ("training", "evaluation", "init"),
    ("partners", "drawing"),
    ("forecasting",),
    ("prepare", "zero_shot", "batch"),
    ("label_scores", "distributed"),
    ("evaluate",),
    ("tested", "export", "calibrate", "refit"),
    ("estimate",),
    ("check", "budget"),
    ("reporting",),
    ("learning_rate",),
    ("backtesting", "tuning"),
    ("experiment",),
    ("serve",),
    ("api", "cli"),
    ("__main__",),
)
"""The rooms from the bottom to the top: a module imports from its own room and from floors below;
rooms of one floor know nothing of each other."""
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    return module.split(".")[1]


def statements(nodes: Iterable[ast.AST], closed: type | tuple[type, ...] = ()) -> Iterator[ast.AST]:
    """All statements, but for those within one of a kind that is closed."""
    for node in nodes:
        yield node
        if not isinstance(node, closed):
            inner = ast.iter_child_nodes(node)
            yield from statements((each for each in inner if isinstance(each, HOLDERS)), closed)


HOLDERS = (ast.stmt, ast.excepthandler, ast.match_case)


def imported(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Full names of what some statements import; relative imports are not in use."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found |= {node.module}
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
    return frozenset(found)


class Imports(NamedTuple):
    """Full names of what a module imports."""

    everywhere: frozenset[str]
    at_run_time: frozenset[str]
    """By any line but those for type checkers."""
    at_import: frozenset[str]
    """As soon as it is imported itself: not inside functions either."""


def imports_in(text: str) -> Imports:
    tree = ast.parse(text)
    everywhere = imported(statements(tree.body))
    for node in statements(tree.body):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body, node.orelse = [ast.Pass()], []
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    at_import = imported(statements(tree.body, functions))
    return Imports(everywhere, imported(statements(tree.body)), at_import)


@cache
def imports_of(module: str) -> Imports:
    return imports_in(MODULES[module].read_text(encoding="utf-8"))


def own(names: frozenset[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] == "forecast"}


def within(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def packages(names: frozenset[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_the_reader_of_imports_sees_every_form():
    found = imports_in(
        "from typing import TYPE_CHECKING\nimport numpy as np\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "def f():\n    from sklearn.preprocessing import StandardScaler\n"
        "class A:\n    import json\n"
    )
    assert packages(found.everywhere) == {"typing", "numpy", "pandas", "sklearn", "json"}
    assert packages(found.at_run_time) == {"typing", "numpy", "sklearn", "json"}
    assert packages(found.at_import) == {"typing", "numpy", "json"}


def test_every_module_imports_from_its_own_room_and_from_floors_below():
    wrong = []
    for module in MODULES.keys() - {"forecast.__init__"}:
        room = room_of(module)
        others = {room_of(name) for name in own(imports_of(module).everywhere) - {"forecast"}} - {
            room
        }
        wrong += [(module, name) for name in others if FLOOR[name] >= FLOOR[room]]
    assert wrong == []


def test_every_room_has_its_floor():
    rooms = {room_of(name) for name in MODULES if name != "forecast.__init__"}
    assert rooms == set(FLOOR)


def test_heavy_packages_have_their_places():
    wrong = {module: found for module in MODULES if (found := out_of_place(module))}
    assert wrong == {}


def out_of_place(module: str) -> set[str]:
    """Packages that a module imports, and should not, or not as soon as it is imported."""
    never = set()
    if room_of(module) != "drawing":
        never |= {"matplotlib"}
    tables = (
        "forecast.init",
        "forecast.forecasting.predict",
        "forecast.backtesting.tables",
        "forecast.tuning.tuned",
    )
    if room_of(module) not in ("tables", "times", "data") and not within(module, tables):
        never |= {"pandas"}
    if room_of(module) != "tuning":
        never |= {"optuna"}
    lazy = {"sklearn", "scipy", "coreforecast", "rich", "tensorboard", "pyarrow", "statsmodels"}
    lazy |= {"statsforecast", "jinja2", "markupsafe", "narwhals", "mlflow", "ray"}
    lazy |= {"onnx", "onnxscript", "onnxruntime"}
    if module in (
        "forecast.cli.arguments",
        "forecast.cli.options",
        "forecast.cli.main",
        "forecast.config.tree",
        "forecast.runs.log",
    ):
        lazy |= {"torch"}
    if room_of(module) != "serve":
        lazy |= {"fastapi", "starlette", "uvicorn", "prometheus_client"}
    found = imports_of(module)
    return never & packages(found.at_run_time) | lazy & packages(found.at_import)


def test_nothing_is_pickled_and_nothing_is_evaluated():
    refused = {"eval", "exec", "torch.load", "torch.save", "__import__"}
    for module, path in MODULES.items():
        unsafe = {"pickle", "joblib", "dill", "marshal", "shelve"}
        assert not unsafe & packages(imports_of(module).everywhere)
        text = path.read_text(encoding="utf-8")
        if not any(f"{name}(" in text for name in refused):
            continue  # to look at every call of every module would take seconds
        called = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
        assert not refused & {*map(ast.unparse, called)}, module


def modules_after(code: str) -> set[str]:
    """Top-level packages, and modules of ours, in a fresh process after some code."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sorted(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


HELP = """
from forecast.cli.main import main
try:
    main([{words}])
except SystemExit as stop:
    assert stop.code == 0
"""


@pytest.mark.parametrize("words", ["'--help'", "'train', '--help'", "'--version'"])
def test_help_imports_nothing_heavy(words):
    found = modules_after(HELP.format(words=words))
    assert not {"torch", "pandas", "numpy", "pydantic", "yaml", "rich", "logging"} & found
    own_modules = {name for name in found if within(name, ("forecast",))}
    assert own_modules == {
        *("forecast", "forecast.errors", "forecast.cli"),
        *("forecast.cli.arguments", "forecast.cli.main", "forecast.cli.options"),
        *("forecast.cli.process", "forecast.cli.streams", "forecast.runs", "forecast.runs.memory"),
    }


def test_import_forecast_imports_nothing_else():
    found = modules_after("import forecast; dir(forecast)")
    assert {name for name in found if within(name, ("forecast",))} == {"forecast"}
    assert not {"torch", "pandas", "numpy", "pydantic"} & found


def test_configurations_are_read_without_torch():
    found = modules_after("import forecast; forecast.read_config; forecast.Config")
    assert "pydantic" in found
    assert not {"torch", "pandas", "numpy"} & found


TRAINED = """
import forecast
table = {"ds": range(60), "x": [float(row % 7) for row in range(60)], "shop": ["a", "b", "c"] * 20}
config = {
    "data": {"target": "x", "past": [{"shop": {"encoding": "embedding"}}]},
    "window": {"lookback": 12, "horizon": 4},
    "split": {"validation": 10, "test": 10},
    "model": {"hidden_size": 4, "head": "parallel", "init": {"scheme": "xavier_normal"}},
    "training": {"epochs": 1, "ensemble": 2},
    "partners": ["pretrained"],
}
forecast.train(config, table).forecast()
"""


def test_training_and_forecasting_need_neither_the_compiler_of_torch_nor_its_algebra():
    """Each takes about as long to import as torch itself."""
    found = modules_after(TRAINED)
    assert "torch" in found
    assert not {"torch._dynamo", "sympy"} & found
