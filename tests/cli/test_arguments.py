"""The commands and their options: help, usage errors, and overrides anywhere."""

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import get_type_hints

import pytest

from forecast.cli.arguments import COMMANDS, EXIT_CODES, parse
from forecast.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(capsys):
    """What argparse ends with: exit code, stdout, stderr."""

    def stopped(*words):
        return main(words), *capsys.readouterr()

    return stopped


def options_of(*words):
    return parse(words)[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_listed_and_every_option_is_explained(name, call):
    *group, command = name.split()
    assert re.search(rf"^    {command}\s+\w", call(*group, "--help")[1], re.MULTILINE)
    code, out, err = call(*group, command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: forecast {name} ")
    for option in get_type_hints(COMMANDS[name][0]):
        named = rf"(--{option.replace('_', '-')}( [A-Z]+)?|[A-Z|]+|section.key=value)"
        assert re.search(rf"^  {named}(\s|\[|\.)+\S", out, re.MULTILINE), option


def test_help_names_the_exit_codes(call):
    assert call("--help")[1].endswith(EXIT_CODES + "\n")
    assert [line.split()[0] for line in EXIT_CODES.splitlines()[1:]] == [*"01234", "130"]


def test_the_version_is_that_of_the_package(call):
    assert call("--version") == (0, f"forecast {version('forecast-lstm')}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "config.yaml", "--runn", "x"], "unrecognized arguments: --runn x; write --run"),
        (["train", "c.yaml", "--output", "x"], "unrecognized arguments: --output x; write --run"),
        (["predict", "run", "--output-dir=x"], "arguments: --output-dir=x; write --output"),
        (["predict", "run", "--model", "x"], "--model x; `forecast predict --help` lists its"),
        (["train", "c.yaml", "--epochs", "3"], "arguments: --epochs 3; write training.epochs=3"),
        (["train", "c.yaml", "--hidden-size=8"], "hidden-size=8; write model.hidden_size=8"),
        (["check", "c.yaml", "--lr", "0.1"], "--lr 0.1; write training.learning_rate=0.1"),
        (["check", "config.yaml", "--fast=1"], "unrecognized arguments: --fast=1"),
        (["predict", "run", "training.epochs=1"], "unrecognized arguments: training.epochs=1"),
        (["predict", "run", "--horizon", "many"], "invalid int value: 'many'"),
        (["predict"], "the following arguments are required: RUN"),
        (["config"], "the following arguments are required: ACTION"),
    ],
)
def test_a_wrong_command_line_ends_with_code_2(words, message, call):
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["c.yaml", "a.b=1", "c=2", "--run", "r"],
        ["c.yaml", "--run", "r", "a.b=1", "c=2"],
        ["--run", "r", "c.yaml", "a.b=1", "--quiet", "c=2"],
        ["c.yaml", "a.b=1", "--run", "r", "c=2"],
    ],
)
def test_overrides_may_stand_anywhere(words):
    options = options_of("train", *words)
    assert (options.config, options.run, options.overrides) == ("c.yaml", "r", ["a.b=1", "c=2"])


def test_overrides_may_follow_baselines_too():
    words = ["--folds", "3", "--baselines", "auto_ets", "auto_theta", "a.b=1", "--refit", "c=2"]
    options = options_of("backtest", "c.yaml", *words)
    assert (options.source, options.folds, options.step, options.refit) == ("c.yaml", 3, None, True)
    assert (options.baselines, sorted(options.overrides)) == (
        ["auto_ets", "auto_theta"],
        ["a.b=1", "c=2"],
    )
    assert options_of("backtest", "run").baselines == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_function_takes_the_options_of_its_command(name):
    kind, path = COMMANDS[name]
    module, _, function = path.rpartition(".")
    annotation, _ = get_type_hints(getattr(import_module(module), function)).values()
    assert annotation is kind


def test_options_come_as_they_were_given():
    options = options_of(
        *("predict", "run", "--data", "d.csv", "--horizon", "24", "--output", "o.csv", "--json")
    )
    assert (options.run, options.data, options.horizon) == ("run", "d.csv", 24)
    assert (options.output, options.json, options.quiet, options.device) == (
        *("o.csv", True, False, None),
    )
    options = options_of("config", "init", "t.csv", "--target", "a", "--target", "b")
    assert options.target == ["a", "b"]
