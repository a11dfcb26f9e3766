"""The commands, and the parser that reads which one is asked for with what."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from forecast import __version__
from forecast.cli import options
from forecast.cli.options import Argument

EXIT_CODES = """exit codes:
  0    ok
  1    unexpected
  2    configuration or usage
  3    data
  4    device, memory or disk
  130  interrupted; what was trained is kept: go on with forecast train --resume DIR"""

LIKENESS = 0.7
"""From 0 to 1, how alike an unknown option and the one that is offered for it are at least."""

COMMANDS: Mapping[str, tuple[type[argparse.Namespace], str]] = {
    "demo": (options.DemoOptions, "forecast.cli.demo.demo"),
    "quick": (options.QuickOptions, "forecast.cli.quick.quick"),
    "train": (options.TrainOptions, "forecast.cli.commands.train"),
    "predict": (options.PredictOptions, "forecast.cli.predict.predict"),
    "serve": (options.ServeOptions, "forecast.cli.serve.serve"),
    "lr-find": (options.LrFindOptions, "forecast.cli.commands.lr_find"),
    "tune": (options.TuneOptions, "forecast.cli.tune.tune"),
    "backtest": (options.BacktestOptions, "forecast.cli.commands.backtest"),
    "report": (options.ReportOptions, "forecast.cli.report.report"),
    "export": (options.ExportOptions, "forecast.cli.export.export"),
    "runs": (options.RunsOptions, "forecast.cli.runs.runs"),
    "check": (options.CheckOptions, "forecast.cli.commands.check"),
    "config init": (options.InitOptions, "forecast.cli.init.init"),
    "config show": (options.ShowOptions, "forecast.cli.configs.show"),
    "config schema": (options.SchemaOptions, "forecast.cli.configs.schema"),
    "completion": (options.CompletionOptions, "forecast.cli.completion.completion"),
}
"""Command: its options, and the function that takes them and returns the exit code."""


def parse(arguments: Sequence[str] | None) -> tuple[str, argparse.Namespace]:
    """The full name of the function that carries a command out, and its options.

    Overrides may also stand between and after options, which argparse alone would refuse.

    Raises:
        SystemExit: with code 2 for wrong usage, with 0 after --help and --version.
    """
    root = make_parser()
    found, rest = root.parse_known_args(arguments)
    given = vars(found)
    command = given.pop("name")
    kind, function = COMMANDS[command]
    if "baselines" in given:  # an override that follows --baselines
        words = given["baselines"]
        given["baselines"] = [word for word in words if "=" not in word]
        rest += [word for word in words if "=" in word]
    for option, value in given.items():
        if "" in (value if isinstance(value, list) else [value]):
            argument = getattr(kind, option)
            name = (argument.flags or [argument.settings["metavar"]])[0]
            root.error(f"{name} is empty; give a value, or leave it out")
    unknown = [w for w in rest if w.startswith("-") or "=" not in w or "overrides" not in given]
    if unknown:
        meant = _key_meant(unknown) if "overrides" in given else None
        meant = meant or _option_meant(unknown[0], kind)
        hint = f"write {meant}" if meant else f"`forecast {command} --help` lists its options"
        root.error(f"unrecognized arguments: {' '.join(unknown)}; {hint}")
    if rest:
        given["overrides"] = [*given["overrides"], *rest]
    return function, kind(**given)


def _key_meant(words: Sequence[str]) -> str | None:
    """What sets the key of the configuration that an option like `--epochs 3` means, if any."""
    from forecast.config.keys import key_like

    option, *after = words
    name, _, value = option.removeprefix("--").partition("=")
    key = key_like(name.replace("-", "_")) if option.startswith("--") else None
    value = value or next((word for word in after if not word.startswith("-")), "...")
    return f"{key}={value}" if key else None


def _option_meant(word: str, kind: type[argparse.Namespace]) -> str | None:
    """The option of a command that an unknown one is like; `train` names its folder by `--run`."""
    import difflib

    option = word.partition("=")[0]
    flags = [flag for argument in _arguments(kind).values() for flag in argument.flags]
    if "--run" in flags and option.startswith("--out"):
        return "--run"
    return next(iter(difflib.get_close_matches(option, flags, 1, LIKENESS)), None)


@functools.cache
def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    root = argparse.ArgumentParser(
        prog="forecast",
        description="Forecast time series with stacked LSTMs: from a CSV and a YAML file to a"
        " trained model, a learning rate and a forecast.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"forecast {__version__}")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    actions = None
    for name, (kind, _) in COMMANDS.items():
        group, _, action = name.rpartition(" ")
        if group and actions is None:
            config = _add(commands, group, "Make, show or describe configurations.")
            actions = config.add_subparsers(required=True, metavar="ACTION")
        command = _add(actions if group else commands, action, kind.__doc__ or "")
        command.set_defaults(name=name)
        for option, argument in _arguments(kind).items():
            command.add_argument(*(argument.flags or [option]), **argument.settings)
    return root


def _add(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    line = text[:1].lower() + text[1:].removesuffix(".")
    parser: argparse.ArgumentParser = commands.add_parser(name, description=text, help=line)
    return parser


def _arguments(kind: type[argparse.Namespace]) -> dict[str, Argument]:
    """By name, what the attributes of a class declare; those of its parents come last."""
    declared = [item for each in kind.__mro__ for item in vars(each).items()]
    return {name: each for name, each in declared if isinstance(each, Argument)}
