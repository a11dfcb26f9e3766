"""The commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

VERSION = "0.1.0"
COVARIATES = {
    "past": "known until now",
    "future": "known ahead",
    "static": "the same in all rows of a series",
}
EXIT_CODES = """exit codes:
  0    ok
  1    unexpected
  2    configuration or usage
  3    data
  4    device, memory or disk
  130  interrupted; what was trained is kept: go on with forecast train --resume DIR"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options, with the name of the command in `handler`.

    Overrides may also stand between and after options, which argparse alone would refuse.
    """
    root = parser()
    options, rest = root.parse_known_args(arguments)
    names = getattr(options, "baselines", [])
    rest += [word for word in names if "=" in word]  # an override that follows --baselines
    names[:] = [word for word in names if "=" not in word]
    takes_overrides = hasattr(options, "overrides")
    unknown = [w for w in rest if w.startswith("-") or "=" not in w or not takes_overrides]
    if unknown:
        root.error(f"unrecognized arguments: {' '.join(unknown)}")
    if rest:
        options.overrides += rest
    return options


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(
        prog="forecast",
        description="Forecast time series with stacked LSTMs: from a CSV and a YAML file to a"
        " trained model, a learning rate and a forecast.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"forecast {VERSION}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_lr_find(commands)
    _add_backtest(commands)
    _add_report(commands)
    _add_check(commands)
    _add_config(commands)
    return root


def _add_train(commands: Any) -> None:
    train = _command(commands, "train", "train a model and compare it with seasonal naive")
    train.add_argument("config", nargs="?", metavar="CONFIG", help="YAML configuration")
    _add_overrides(train)
    train.add_argument(
        "--run",
        dest="run_path",
        metavar="DIR",
        help="folder to write to (default: runs/<config name>/<UTC time>)",
    )
    train.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    train.add_argument(
        "--force", action="store_true", help="replace the run in DIR; other files stay"
    )
    train.add_argument(
        "--profile", action="store_true", help="tell where the time went; also DIR/profile.json"
    )
    train.add_argument(
        "--tensorboard", action="store_true", help="also write DIR/tensorboard, epoch by epoch"
    )
    _add_common(train)


def _add_predict(commands: Any) -> None:
    predict = _command(commands, "predict", "forecast the next steps from a trained model")
    predict.add_argument("run_path", metavar="RUN", help="run folder, or its model.safetensors")
    predict.add_argument(
        "--data", metavar="FILE", help="newer history (default: the end of the training table)"
    )
    predict.add_argument("--future", metavar="FILE", help="covariates known over the horizon")
    predict.add_argument(
        "--horizon", type=int, metavar="N", help="steps to forecast (default: the trained horizon)"
    )
    predict.add_argument(
        "--level",
        type=float,
        nargs="+",
        metavar="PERCENT",
        help="intervals that should hold so much, e.g. 80 95 (default: intervals.levels)",
    )
    predict.add_argument(
        "--output", metavar="FILE", default="-", help="new .csv or .parquet (default: -, stdout)"
    )
    predict.add_argument("--force", action="store_true", help="replace FILE of --output")
    _add_common(predict, "cpu")


def _add_lr_find(commands: Any) -> None:
    find = _command(commands, "lr-find", "find a learning rate with the learning-rate range test")
    find.add_argument("config", metavar="CONFIG", help="YAML configuration")
    _add_overrides(find)
    find.add_argument(
        "--seeds", type=int, metavar="N", help="sweeps (default: training.lr_range.seeds)"
    )
    find.add_argument(
        "--output",
        metavar="DIR",
        help="folder for lr_range.csv and lr_range.png (default: runs/<config name>/<UTC time>-lr)",
    )
    find.add_argument(
        "--write", metavar="YAML", help="write a new configuration with the rate found"
    )
    _add_common(find)


def _add_backtest(commands: Any) -> None:
    test = _command(commands, "backtest", "test at several origins that roll on through the data")
    test.add_argument(
        "source", metavar="CONFIG|RUN", help="YAML configuration to train, or a finished run"
    )
    _add_overrides(test)
    test.add_argument(
        "--folds", type=int, metavar="N", help="origins (default: 5, or fewer where no more fit)"
    )
    test.add_argument(
        "--step", type=int, metavar="N", help="rows between two origins (default: the horizon)"
    )
    test.add_argument(
        "--refit",
        action="store_true",
        help="train anew for each fold (default: once, before the first origin)",
    )
    test.add_argument(
        "--baselines",
        nargs="+",
        default=[],
        metavar="NAME",
        help="also auto_ets, auto_arima, auto_theta, fitted at every origin",
    )
    test.add_argument(
        "--output",
        metavar="DIR",
        help="folder to write to (default: runs/<config name>/<UTC time>-backtest)",
    )
    test.add_argument("--force", action="store_true", help="replace the backtest in DIR")
    _add_common(test)


def _add_report(commands: Any) -> None:
    report = _command(commands, "report", "write all that is known of a run as one HTML page")
    report.add_argument("run_path", metavar="RUN", help="folder of a finished run")
    report.add_argument("--output", metavar="FILE", help="HTML file (default: RUN/report.html)")
    report.add_argument("--force", action="store_true", help="replace the file if it is there")
    _add_output(report)


def _add_check(commands: Any) -> None:
    check = _command(commands, "check", "read everything, train nothing, say what is found")
    check.add_argument("config", metavar="CONFIG", help="YAML configuration")
    _add_overrides(check)
    _add_common(check)


def _add_config(commands: Any) -> None:
    text = "make, show or describe configurations"
    config = commands.add_parser("config", help=text, description=_sentence(text))
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = _command(actions, "init", "write a configuration fitted to a table", "config ")
    init.add_argument("table", metavar="FILE", help="CSV or Parquet")
    init.add_argument("--time", metavar="COLUMN", help="time column (default: found by its values)")
    init.add_argument("--id", metavar="COLUMN", help="column that names the series")
    init.add_argument(
        "--target",
        metavar="COLUMN",
        action="append",
        help="column to forecast; may be given several times",
    )
    for role, text in COVARIATES.items():
        init.add_argument(
            f"--{role}",
            metavar="COLUMN",
            action="append",
            default=[],
            help=f"column that helps, {text}; may be given several times",
        )
    init.add_argument("--horizon", type=int, metavar="N", help="steps to forecast")
    init.add_argument(
        "--season",
        type=int,
        metavar="N",
        help="rows in a season (default: by the frequency; of integer times, by the values)",
    )
    init.add_argument("--timezone", metavar="ZONE", help="zone of local times, e.g. Europe/Berlin")
    init.add_argument(
        "--time-format", metavar="FORMAT", help="strptime format of the times, e.g. %%d/%%m/%%Y"
    )
    init.add_argument("--output", metavar="YAML", default="-", help="new file (default: -, stdout)")
    show = _command(actions, "show", "print a configuration with all defaults", "config ")
    show.add_argument("config", metavar="CONFIG", help="YAML configuration")
    _add_overrides(show)
    show.add_argument("--json", action="store_true", help="print JSON in place of YAML")
    _command(actions, "schema", "print the JSON Schema, for completion in an editor", "config ")


def _command(commands: Any, name: str, text: str, group: str = "") -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=_sentence(text)
    )
    command.set_defaults(handler=f"{group}{name}")
    return command


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_overrides(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "overrides",
        nargs="*",
        metavar="section.key=value",
        help="replaces a value of CONFIG, e.g. training.epochs=5",
    )


def _add_common(command: argparse.ArgumentParser, device: str = "as CONFIG says") -> None:
    command.add_argument(
        "--device", metavar="NAME", help=f"auto, cpu, cuda, cuda:N, mps (default: {device})"
    )
    _add_output(command)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--quiet", action="store_true", help="log warnings only")
