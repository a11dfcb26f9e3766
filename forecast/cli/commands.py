"""The commands: each takes its options, calls, prints, and returns its exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from forecast.cli.text import (
    backtest_text,
    check_text,
    lr_range_text,
    profile_text,
    say,
    training_text,
)


def _train(options: argparse.Namespace) -> int:
    from forecast.runs.folder import CONFIG_FILE, PROFILE_FILE
    from forecast.runs.log import stderr_log
    from forecast.training.profile import profile_rows

    with _run_to_train(options) as (config, folder):
        try:
            with stderr_log(options.quiet):
                summary = _train_with_progress(config, folder, options)
        except (KeyboardInterrupt, OSError) as error:
            has_begun = (folder.path / CONFIG_FILE).exists()
            remedy = f"; go on with: forecast train --resume {folder.path}" if has_begun else ""
            if isinstance(error, KeyboardInterrupt):
                return say(f"interrupted{remedy}", 130)
            error.add_note(remedy)
            raise
    result = {"run": str(folder.path), **summary}
    lines = [training_text(summary, folder.path)]
    if options.profile:
        result["profile"] = folder.read_json(PROFILE_FILE)
        lines.insert(0, profile_text(profile_rows(result["profile"])))
    _print(options.json, result, "\n".join(lines))
    return 0


@contextlib.contextmanager
def _run_to_train(options: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Configuration and folder of a new run, or of the one to go on with, for us alone."""
    from pathlib import Path

    from forecast.config.tree import read_config
    from forecast.errors import ConfigError
    from forecast.runs.folder import CONFIG_FILE, claimed, existing_run, fresh_run, new_run

    if options.resume is None:
        if options.config is None:
            raise ConfigError("nothing to train; give CONFIG, or --resume DIR")
        config = read_config(options.config, _overrides(options))
        path = Path(options.run_path) if options.run_path else fresh_run(options.config).path
        with claimed(path, is_fresh=options.run_path is None):
            yield config, new_run(path, options.force)
        return
    if options.config or options.overrides or options.run_path or options.force:
        raise ConfigError(
            "--resume DIR goes on as the run was configured; leave CONFIG, section.key=value, --run"
            " and --force out"
        )
    path = Path(options.resume)
    existing_run(path)  # before its folder is touched, and again when nobody else can end it
    with claimed(path):
        folder = existing_run(path)
        yield read_config(path / CONFIG_FILE, _overrides(options)), folder


def _train_with_progress(config: Any, folder: Any, options: argparse.Namespace) -> dict[str, Any]:
    from forecast.cli.progress import epoch_bar, tensorboard
    from forecast.experiment import train

    resume, profile = options.resume is not None, options.profile
    steps = train(config, folder=folder, resume=resume, profile=profile)
    board = tensorboard(folder.path if options.tensorboard else None)
    with contextlib.closing(steps), epoch_bar(options.quiet) as show, board as record:
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                summary: dict[str, Any] = stop.value.summary
                return summary
            show(progress)
            record(progress)


def _predict(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.data.write import require_format, to_csv, to_json, write_table
    from forecast.forecasting.model_file import load
    from forecast.runs.log import stderr_log
    from forecast.training.device import choose_device

    if options.output != "-":
        _require_folder("--output", options.output)
        require_format(options.output)
        _refuse_replacing(options)
    with stderr_log(options.quiet):
        trained = load(options.run_path, choose_device(options.device or "cpu"))
        _refuse_input(options.output, trained.config.data.path, "the training table")
        table = trained.forecast(options.data, options.future, options.horizon, options.level)
    if options.output != "-":
        write_table(table, Path(options.output))
        result = {"output": options.output, "rows": len(table)}
        _print(options.json, result, f"{len(table)} rows in {options.output}")
    elif options.json:
        print(to_json(table))
    else:
        sys.stdout.write(to_csv(table))
    return 0


def _refuse_replacing(options: argparse.Namespace) -> None:
    """Only --force replaces a file, and never one that is read; devices are written to."""
    from forecast.errors import ConfigError

    _refuse_input(options.output, options.data, "given as --data")
    _refuse_input(options.output, options.future, "given as --future")
    if os.path.isfile(options.output) and not options.force:
        raise ConfigError(f"{options.output} exists; give another --output, or --force")


def _refuse_input(output: str, path: str | None, what: str) -> None:
    from forecast.errors import ConfigError

    if path and os.path.isfile(output) and os.path.exists(path) and os.path.samefile(output, path):
        raise ConfigError(f"{output} is {what}; give another --output")


def _lr_find(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.config.tree import read_config, write_config
    from forecast.experiment import lr_find, with_rate, write_lr_range
    from forecast.runs.files import write_atomically
    from forecast.runs.folder import RunFolder, fresh_run
    from forecast.runs.log import stderr_log

    overrides = _overrides(options)
    if options.seeds is not None:
        overrides.append(f"training.lr_range.seeds={options.seeds}")
    config = read_config(options.config, overrides)
    if options.write:
        _refuse_existing("--write", options.write)
    with stderr_log(options.quiet):
        found = lr_find(config)
    folder = RunFolder(Path(options.output)) if options.output else fresh_run(options.config, "-lr")
    folder.path.mkdir(parents=True, exist_ok=True)
    write_lr_range(found, folder)
    if options.write and found.rate is not None:
        write_atomically(Path(options.write), write_config(with_rate(config, found.rate)))
    result = {"rate": found.rate, "rule": found.rule, "rates": found.rates}
    result |= {"folder": str(folder.path)}
    _print(options.json, result, lr_range_text(found, folder.path, options.write))
    return 2 if options.write and found.rate is None else 0


def _backtest(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.backtesting.run import (
        BACKTEST_FILES,
        backtest_folder,
        open_source,
        write_backtest,
    )
    from forecast.runs.folder import fresh_run
    from forecast.runs.log import stderr_log

    folder = backtest_folder(Path(options.output), options.force) if options.output else None
    with stderr_log(options.quiet):
        config, trained = open_source(
            options.source, options.overrides, options.refit, options.device
        )
        result = _backtest_with_progress(config, trained, options)
    folder = folder or fresh_run(_name_of(options.source), "-backtest")
    write_backtest(result, folder)
    files = ", ".join(str(folder.path / name) for name in BACKTEST_FILES)
    summary = {"folder": str(folder.path), **result.summary}
    _print(options.json, summary, f"{backtest_text(result.summary)}\nfiles: {files}")
    return 0


def _backtest_with_progress(config: Any, trained: Any, options: argparse.Namespace) -> Any:
    from forecast.backtesting.run import backtest
    from forecast.cli.progress import epoch_bar

    steps = backtest(
        config,
        trained,
        folds=options.folds,
        step=options.step,
        refit=options.refit,
        baselines=options.baselines,
    )
    with contextlib.closing(steps), epoch_bar(options.quiet) as show:
        while True:
            try:
                show(next(steps))
            except StopIteration as stop:
                return stop.value


def _name_of(source: str) -> str:
    """What the results of a configuration or run are called: a model file goes by its run."""
    path = os.path.abspath(source)
    return os.path.dirname(path) if path.endswith(".safetensors") else path


def _report(options: argparse.Namespace) -> int:
    from forecast.reporting.gather import report_path, write_report
    from forecast.runs.log import stderr_log

    if options.output:
        _require_folder("--output", options.output)
    with stderr_log(options.quiet):
        page = write_report(options.run_path, options.output, options.force)
    path = report_path(options.run_path, options.output)
    left_out = {part.title: part.text for part in page.sections if part.is_left_out}
    result = {"report": str(path), "bytes": path.stat().st_size, "left_out": left_out}
    reasons = {name: why.removeprefix("Left out, for ") for name, why in left_out.items()}
    lines = [page.verdict, *(f"left out: {name}: {why}" for name, why in reasons.items())]
    _print(options.json, result, "\n".join([*lines, f"report: {path}"]))
    return 0


def _check(options: argparse.Namespace) -> int:
    from forecast.check import inspect
    from forecast.config.tree import read_config
    from forecast.runs.log import stderr_log

    with stderr_log(options.quiet):
        result = inspect(read_config(options.config, _overrides(options)))
    _print(options.json, result, check_text(result))
    return int(result.get("exit_code", 0))


def _config_init(options: argparse.Namespace) -> int:
    from pathlib import Path

    from forecast.init.propose import propose
    from forecast.runs.files import write_atomically

    if options.output != "-":
        _refuse_existing("--output", options.output)
    text = propose(
        options.table,
        options.time,
        options.id,
        options.target,
        options.horizon,
        options.timezone,
        options.time_format,
        options.season,
        {"past": options.past, "future": options.future, "static": options.static},
    )
    if options.output == "-":
        sys.stdout.write(text)
    else:
        write_atomically(Path(options.output), text)
        print(f"{options.output}: now run `forecast check {options.output}`")
    return 0


def _config_show(options: argparse.Namespace) -> int:
    from forecast.config.tree import read_config, write_config

    config = read_config(options.config, options.overrides)
    _print(options.json, config.model_dump(mode="json"), write_config(config).rstrip("\n"))
    return 0


def _config_schema(_: argparse.Namespace) -> int:
    import json

    from forecast.config.tree import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _overrides(options: argparse.Namespace) -> list[str]:
    device = [f"device={options.device}"] if options.device else []
    return [*options.overrides, *device]


def _refuse_existing(option: str, path: str) -> None:
    """A new file must not take the place of another."""
    from forecast.errors import ConfigError

    _require_folder(option, path)
    if os.path.exists(path):
        raise ConfigError(f"{option} {path}: exists already; give another file")


def _require_folder(option: str, path: str) -> None:
    from forecast.errors import ConfigError

    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ConfigError(f"{option} {path}: there is no folder {folder}; make it first")


def _print(as_json: bool, result: dict[str, Any], text: str) -> None:
    if as_json:
        import json

        from forecast.runs.folder import without_nan

        text = json.dumps(without_nan(result), indent=2)
    print(text)


HANDLERS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "predict": _predict,
    "lr-find": _lr_find,
    "backtest": _backtest,
    "report": _report,
    "check": _check,
    "config init": _config_init,
    "config show": _config_show,
    "config schema": _config_schema,
}
