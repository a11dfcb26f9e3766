"""The command line: parse, call, print. Results go to stdout, the log to stderr."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

# Only argparse is imported here, because `forecast --help` must answer at once; everything else is
# imported by the command that needs it.

EXIT_CODES = """exit codes: 0 ok, 1 unexpected, 2 configuration or usage, 3 data,
4 device or memory, 130 interrupted (what was trained is kept; go on with train --resume)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    options = parser().parse_args(arguments)
    try:
        with _terminated_as_interrupted():
            code: int = options.handler(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _say("out of memory; lower training.batch_size or model.hidden_size", 4)
    except Exception as error:
        if os.environ.get("FORECAST_DEBUG"):
            raise
        return _explain(error)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(
        prog="forecast",
        description="Forecast time series with stacked LSTMs: from a CSV and a YAML file to a"
        " trained model, a learning rate and a forecast.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=_version())
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_lr_find(commands)
    _add_check(commands)
    _add_config(commands)
    return root


def _add_train(commands: Any) -> None:
    train = _command(commands, "train", "train a model and compare it with seasonal naive", _train)
    train.add_argument("config", nargs="?", help="YAML configuration")
    _add_overrides(train)
    train.add_argument(
        "--run", dest="run_path", metavar="DIR", help="run folder (runs/<config name>/<UTC time>)"
    )
    train.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    train.add_argument("--force", action="store_true", help="replace what is in the run folder")
    train.add_argument("--tensorboard", action="store_true", help="also write DIR/tensorboard")
    _add_common(train)


def _add_predict(commands: Any) -> None:
    predict = _command(
        commands, "predict", "forecast the next steps from a trained model", _predict
    )
    predict.add_argument("run_path", metavar="RUN", help="run folder or model file")
    predict.add_argument("--data", metavar="FILE", help="newer history; without it, the training's")
    predict.add_argument("--future", metavar="FILE", help="covariates known over the horizon")
    predict.add_argument("--horizon", type=int, metavar="N", help="steps (the trained horizon)")
    predict.add_argument(
        "--output", metavar="FILE", default="-", help=".csv or .parquet file; - is stdout"
    )
    _add_common(predict)


def _add_lr_find(commands: Any) -> None:
    find = _command(commands, "lr-find", "learning-rate range test on the training rows", _lr_find)
    find.add_argument("config", help="YAML configuration")
    _add_overrides(find)
    find.add_argument(
        "--seeds", type=int, metavar="N", help="repetitions (training.lr_range.seeds)"
    )
    find.add_argument("--output", metavar="DIR", help="folder for lr_range.csv and lr_range.png")
    find.add_argument("--write", metavar="YAML", help="write the configuration with the rate found")
    _add_common(find)


def _add_check(commands: Any) -> None:
    check = _command(commands, "check", "read everything, train nothing, say what is found", _check)
    check.add_argument("config", help="YAML configuration")
    _add_overrides(check)
    _add_common(check)


def _add_config(commands: Any) -> None:
    config = commands.add_parser("config", help="make, show or describe configurations")
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = _command(actions, "init", "write a configuration fitted to a table", _config_init)
    init.add_argument("table", metavar="FILE", help="CSV or Parquet")
    init.add_argument("--time", metavar="COLUMN", help="time column (found by its values)")
    init.add_argument("--id", metavar="COLUMN", help="column that names the series")
    init.add_argument("--target", metavar="COLUMN", action="append", help="column to forecast")
    init.add_argument("--horizon", type=int, metavar="N", help="steps to forecast (one season)")
    init.add_argument("--output", metavar="YAML", default="-", help="file to write; - is stdout")
    show = _command(actions, "show", "print a configuration with all defaults", _config_show)
    show.add_argument("config", help="YAML configuration")
    _add_overrides(show)
    _command(
        actions, "schema", "print the JSON Schema, for completion in an editor", _config_schema
    )


def _command(commands: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text + ".")
    command.set_defaults(handler=run)
    return command


def _add_overrides(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "overrides", nargs="*", metavar="section.key=value", help="replaces a value of the file"
    )


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N, mps")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--quiet", action="store_true", help="log warnings only")


def _train(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.config import read_config
    from forecast.errors import ConfigError
    from forecast.runs import CONFIG_FILE, default_path, existing_run, new_run

    if (options.resume is None) == (options.config is None):
        raise ConfigError("give a configuration, or --resume DIR")
    if options.resume:
        folder = existing_run(Path(options.resume))
        if folder.is_finished:
            raise ConfigError(f"{folder.path} is finished; there is nothing to resume")
        config = read_config(folder.path / CONFIG_FILE, _with_device(options))
    else:
        config = read_config(options.config, _with_device(options))
        path = Path(options.run_path) if options.run_path else default_path(options.config)
        folder = new_run(path, options.force)
    with _logging(options.quiet, folder.path / "log.txt"):
        summary = _train_with_progress(config, folder, options)
    _print(options.json, summary, _training_report(summary, folder.path))
    return 0


def _train_with_progress(config: Any, folder: Any, options: argparse.Namespace) -> dict[str, Any]:
    from forecast.experiment import train
    from forecast.progress import epoch_bar, tensorboard_writer

    steps = train(config, folder=folder, resume=bool(options.resume))
    writer = tensorboard_writer(folder.path) if options.tensorboard else None
    with epoch_bar(quiet=options.quiet) as show:
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                summary: dict[str, Any] = stop.value.summary
                return summary
            show(progress)
            if writer:
                writer(progress)


def _training_report(summary: dict[str, Any], folder: Any) -> str:
    lines = []
    metrics = summary.get("metrics", {})
    if metrics:
        names = list(next(iter(metrics.values())))
        lines.append(f"{'test':16}" + "".join(f"{name:>10}" for name in names))
        for method, values in metrics.items():
            lines.append(f"{method:16}" + "".join(f"{values[name]:>10.4g}" for name in names))
    return "\n".join([*lines, summary["verdict"], f"run: {folder}"])


def _predict(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.data.output import to_csv, write_table
    from forecast.trained import load
    from forecast.training.device import choose_device

    with _logging(options.quiet):
        device = choose_device(options.device or "cpu")
        trained = load(options.run_path, device)
        table = trained.forecast(options.data, options.future, options.horizon)
    if options.output != "-":
        write_table(table, Path(options.output))
        result = {"output": options.output, "rows": len(table)}
        _print(options.json, result, f"{len(table)} rows in {options.output}")
    elif options.json:
        print(table.to_json(orient="records", date_format="iso"))
    else:
        sys.stdout.write(to_csv(table))
    return 0


def _lr_find(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.config import read_config, write_config
    from forecast.experiment import lr_find, write_lr_range
    from forecast.files import write_atomically
    from forecast.runs import RunFolder, default_path

    overrides = _with_device(options)
    if options.seeds is not None:
        overrides.append(f"training.lr_range.seeds={options.seeds}")
    config = read_config(options.config, overrides)
    with _logging(options.quiet):
        found = lr_find(config)
    folder = Path(options.output) if options.output else default_path(options.config, "-lr")
    folder.mkdir(parents=True, exist_ok=True)
    write_lr_range(found, RunFolder(folder))
    if options.write and found.rate is not None:
        training = config.training.model_copy(update={"learning_rate": float(f"{found.rate:.3g}")})
        text = write_config(config.model_copy(update={"training": training}))
        write_atomically(Path(options.write), text)
    rates = {name: rate and float(f"{rate:.3g}") for name, rate in found.rates.items()}
    result = {"rates": rates, "rule": found.rule, "folder": str(folder)}
    _print(options.json, result, _lr_report(found, folder))
    return 0


def _lr_report(found: Any, folder: Any) -> str:
    lines = [f"{'rule':18}{'rate':>10}{'lowest':>10}{'highest':>10}   ({len(found.sweeps)} seeds)"]
    for rule, rate in found.rates.items():
        each = [s.suggestions[rule] for s in found.sweeps if rule in s.suggestions]
        spread = f"{min(each):>10.2e}{max(each):>10.2e}" if each else f"{'-':>10}{'-':>10}"
        chosen = "   <- training.lr_range.rule" if rule == found.rule else ""
        lines.append(f"{rule:18}{f'{rate:.2e}' if rate else '-':>10}{spread}{chosen}")
    lines.append(f"curve: {folder}/lr_range.png, {folder}/lr_range.csv")
    if found.rate is None:
        lines.append("The curve is flat: no rate is suggested. Check the data and the model.")
    else:
        lines.append(f"paste:\ntraining: {{learning_rate: {found.rate:.3g}}}")
    return "\n".join(lines)


def _check(options: argparse.Namespace) -> int:
    from forecast.config import read_config
    from forecast.inspection import inspect, report

    with _logging(options.quiet):
        result = inspect(read_config(options.config, _with_device(options)))
    _print(options.json, result, report(result))
    return int(result.get("exit_code", 0))


def _config_init(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.errors import ConfigError
    from forecast.files import write_atomically
    from forecast.proposal import propose

    text = propose(options.table, options.time, options.id, options.target, options.horizon)
    if options.output == "-":
        sys.stdout.write(text)
        return 0
    if Path(options.output).exists():
        raise ConfigError(f"{options.output} exists; give another --output")
    write_atomically(Path(options.output), text)
    print(f"{options.output}: now run `forecast check {options.output}`")
    return 0


def _config_show(options: argparse.Namespace) -> int:
    from forecast.config import read_config, write_config

    sys.stdout.write(write_config(read_config(options.config, options.overrides)))
    return 0


def _config_schema(_: argparse.Namespace) -> int:
    import json

    from forecast.config import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _with_device(options: argparse.Namespace) -> list[str]:
    device = [f"device={options.device}"] if options.device else []
    return [*options.overrides, *device]


def _print(as_json: bool, result: dict[str, Any], text: str) -> None:
    if as_json:
        import json

        from forecast.runs import without_nan

        text = json.dumps(without_nan(result), indent=2)
    print(text)


@contextlib.contextmanager
def _logging(quiet: bool, path: Any = None) -> Iterator[None]:
    """Log to stderr, and to a file if there is one."""
    import logging

    log = logging.getLogger("forecast")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setLevel(logging.WARNING if quiet else logging.INFO)
    handlers[0].setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    if path is not None:
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
        handlers[1].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a command like Ctrl-C: it saves first."""
    import signal

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread, where signals cannot be caught
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain(error: Exception) -> int:
    from forecast.errors import ForecastError

    if isinstance(error, ForecastError):
        return _say(str(error), error.exit_code)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _say(f"{place}{error.strerror or error}", 1)
    if type(error).__name__ == "OutOfMemoryError":
        return _say("the device is out of memory; lower training.batch_size", 4)
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    return _say(f"unexpected: {summary} (FORECAST_DEBUG=1 shows where)", 1)


def _say(message: str, code: int) -> int:
    print(f"forecast: {message}", file=sys.stderr)
    return code


def _version() -> str:
    return "forecast 0.1.0"
