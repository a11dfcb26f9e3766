"""What `config init` proposes, trained on every suite of a folder, beside classical methods.

python benchmarks/breadth.py --data DIR --validate --only m1_yearly single_monthly
python benchmarks/breadth.py --data DIR --minutes 5 --output runs/breadth

Each table goes through the command line as a user's does: `forecast config init`, `forecast train`,
and `forecast quick`. Columns: MASE over seasonal naive's, a mean over series; below them the
geometric mean over suites; of a forecast with a median beside the mean the median is scored. Below
the table: CRPS of our intervals, see breadth_crps.py. `--output` holds results.jsonl, a line
each; what stands there is not done again. `--validate` never reads the test rows: it is for
choosing. A command that fails or takes too long is a line with its error, and naive's score.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from breadth_crps import INTERVALS, crps
from breadth_scores import KEYS, Suite, read_suites, score
from breadth_table import STATISTICAL, Line, table_of

FORECAST = (sys.executable, "-m", "forecast")
METHODS = ("ours", "ours_alone", "quick", "seasonal_naive", *STATISTICAL, "ets_theta")
"""ours_alone: without partners, from the same run; ets_theta: the mean of both forecasts."""
LONGEST_HISTORY = 2_000
"""Rows that classical methods are fitted on."""
FIT_SECONDS = 60
"""After which seasonal naive stands in for a classical method on a series."""


class FailedCommandError(Exception):
    """A command ended badly, or not in time; the message is its last line."""


def run(words: Sequence[str], limit: float) -> tuple[str, float]:
    """Output and seconds of a command; it and its children are ended after so many seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [*FORECAST, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise FailedCommandError(f"not done after {limit:.0f} s") from None
    if process.returncode:
        last = [*errors.splitlines(), f"exit code {process.returncode}"][-2:]
        raise FailedCommandError(last[0])
    return output, round(time.perf_counter() - began, 2)


def has_option(command: str, option: str) -> bool:
    """Whether the command line knows a command with an option."""
    try:
        return option in run([command, "--help"], 60)[0]
    except FailedCommandError:
        return False


# Ours, by the command line, in a folder of its own.


def write_table(suite: Suite, table: pd.DataFrame, path: Path) -> None:
    """What the commands see; a single series has no column of ids."""
    alone = suite.name.startswith("single_")
    (table[["ds", "y"]] if alone else table).to_csv(path, index=False)


def read_forecast(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """A table that a command wrote, with the ids and the kind of times of the table it is of."""
    forecast = pd.read_csv(path)
    if "unique_id" not in forecast:
        forecast["unique_id"] = table.unique_id.iloc[0]
    forecast["unique_id"] = forecast.unique_id.astype(str)
    if pd.api.types.is_datetime64_any_dtype(table.ds):
        forecast["ds"] = pd.to_datetime(forecast.ds)
    return forecast


def of_training(
    suite: Suite, table: pd.DataFrame, options: argparse.Namespace, wanted: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame | None, Line]]:
    """Trains what `config init` proposes.

    Yields:
        Each method that is wanted, its forecast (None: it failed), and what to note of it.
    """
    left = [*wanted]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, config, trained = (str(folder / each) for each in ("data.csv", "c.yaml", "run"))
        write_table(suite, table, folder / "data.csv")
        minutes = () if options.minutes is None else ("--minutes", f"{options.minutes:g}")
        init = ["config", "init", data, "--horizon", f"{suite.horizon}", *minutes]
        train = ["train", config, "--run", trained, "--quiet", *options.overrides]
        note: Line = {"commands": [" ".join(words).replace(name, ".") for words in (init, train)]}
        try:
            note["init_seconds"] = run([*init, "--output", config], options.limit)[1]
            note["config"] = Path(config).read_text(encoding="utf-8").replace(name, ".")
            note["seconds"] = run(train, options.limit)[1]
            summary = json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8"))
            note |= {key: summary.get(key) for key in ("verdict", "stopped", "epochs")}
            if "ours" in left:
                left.remove("ours")
                forecast = read_forecast(folder / "run" / "forecast.csv", table)
                note["crps"] = crps_of(suite, forecast, trained, folder, options.limit)
                if "median" in forecast:
                    forecast = forecast.assign(forecast=forecast["median"])
                yield "ours", forecast, note
            if "ours_alone" in left:
                alone = [
                    "predict",
                    trained,
                    "--without-partners",
                    "--output",
                    f"{folder / 'a.csv'}",
                ]
                note = {"seconds": run(alone, options.limit)[1]}
                left.remove("ours_alone")
                yield "ours_alone", read_forecast(folder / "a.csv", table), note
        except FailedCommandError as error:
            for method in left:
                yield method, None, note | {"error": str(error).replace(name, ".")}


def crps_of(
    suite: Suite, forecast: pd.DataFrame, trained: str, folder: Path, limit: float
) -> Line | None:
    """Sums of the CRPS of a run's intervals; None where it has not all of them.

    Args:
        suite: tells what came.
        forecast: of the run; one with a median has all intervals, another is asked for them.
        trained: the run.
        folder: for the forecast with these.
        limit: seconds.
    """
    table = suite.known[suite.known.unique_id.isin(forecast.unique_id)]
    if "median" not in forecast:
        words = ["predict", trained, "--output", f"{folder / 'i.csv'}", "--level", *INTERVALS]
        try:
            run(words, limit)
        except FailedCommandError:
            return None
        forecast = read_forecast(folder / "i.csv", table)
    held_out = suite.held_out[suite.held_out.unique_id.isin(table.unique_id)]
    return dict(crps(table, held_out, forecast, suite.season))


def of_quick(
    suite: Suite, table: pd.DataFrame, limit: float
) -> tuple[str, pd.DataFrame | None, Line]:
    """The forecast of the pretrained network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(suite, table, folder / "data.csv")
        words = ["quick", str(folder / "data.csv"), "--horizon", f"{suite.horizon}"]
        note: Line = {"commands": [" ".join(words).replace(name, ".")]}
        try:
            note["seconds"] = run([*words, "--output", f"{folder / 'q.csv'}"], limit)[1]
        except FailedCommandError as error:
            return "quick", None, note | {"error": str(error).replace(name, ".")}
        return "quick", read_forecast(folder / "q.csv", table), note


# Classical methods, series by series in processes, kept in files.


def fitted(task: tuple[str, int, int, np.ndarray]) -> tuple[np.ndarray, float]:
    """Forecast (NaN where it failed) of one series by a classical method, and seconds of it."""
    from statsforecast import models

    name, season, horizon, values = task
    known = values[~np.isnan(values)][-LONGEST_HISTORY:]
    began = time.perf_counter()

    def give_up(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, FIT_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = getattr(models, STATISTICAL[name])(season_length=season)
            forecast = np.asarray(model.forecast(y=known, h=horizon)["mean"], dtype=float)
    except Exception:  # numerics of all kinds, on data of all kinds: it counts as stood in
        forecast = np.full(horizon, np.nan)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return forecast, time.perf_counter() - began


def classical(suite: Suite, name: str, file: Path, workers: int) -> tuple[pd.DataFrame, float]:
    """Forecasts of all series of a suite, and seconds of all fits; from the file if it is there."""
    if not file.exists():
        series = [rows.y.to_numpy(float) for _, rows in suite.known.groupby("unique_id")]
        tasks = [(name, suite.season, suite.horizon, values) for values in series]
        with ProcessPoolExecutor(workers) as pool:
            results = list(pool.map(fitted, tasks, chunksize=max(1, min(20, len(tasks) // 8))))
        forecast = suite.held_out[KEYS].copy()
        forecast["forecast"] = np.concatenate([values for values, _ in results])
        forecast["seconds"] = round(sum(seconds for _, seconds in results), 2)
        file.parent.mkdir(parents=True, exist_ok=True)
        forecast.to_parquet(file)
    forecast = pd.read_parquet(file)
    return forecast[[*KEYS, "forecast"]], float(forecast.seconds.iloc[0])


def of_classical(
    suite: Suite, methods: Sequence[str], part: str, options: argparse.Namespace
) -> Iterator[tuple[str, pd.DataFrame | None, Line]]:
    """Seasonal naive, AutoETS, AutoTheta, and the mean of the two."""
    if "seasonal_naive" in methods:
        yield "seasonal_naive", None, {"seconds": 0.0}
    wanted = [name for name in STATISTICAL if name in methods or "ets_theta" in methods]
    found, total = {}, 0.0
    for name in wanted:
        file = Path(options.cache) / f"{suite.name}-{part}-{name}.parquet"
        found[name], seconds = classical(suite, name, file, options.workers)
        total += seconds
        if name in methods:
            yield name, found[name], {"seconds": seconds}
    if "ets_theta" in methods:
        mean = found["auto_ets"].copy()
        mean["forecast"] = np.mean([each.forecast for each in found.values()], axis=0)
        yield "ets_theta", mean, {"seconds": round(total, 2)}


# The lines of a suite, resumed, and the table of them all.


def lines_of(
    suite: Suite, methods: Sequence[str], done: set[tuple[str, ...]], options: argparse.Namespace
) -> Iterator[Line]:
    """A line a table and method that is not done yet."""
    part = "validation" if options.validate else "test"

    def left(table: str, names: Sequence[str]) -> list[str]:
        keys = {name: key_of(suite.name, table, name, part, options.minutes) for name in names}
        return [name for name in names if name in methods and keys[name] not in done]

    def line(table: str, rows: pd.DataFrame, name: str, forecast: Any, note: Line) -> Line:
        held_out = suite.held_out[suite.held_out.unique_id.isin(rows.unique_id)]
        scores = score(rows, held_out, forecast, suite.season)
        head = {"suite": suite.name, "table": table, "method": name, "part": part}
        return {**head, "minutes": options.minutes, **scores, "error": None, **note}

    todo = left("all", ("seasonal_naive", *STATISTICAL, "ets_theta"))
    for name, forecast, note in of_classical(suite, todo, part, options):
        yield line("all", suite.known, name, forecast, note)
    for table, rows in suite.tables():
        if left(table, ["quick"]):
            yield line(table, rows, *of_quick(suite, rows, options.limit))
        todo = left(table, ["ours", "ours_alone"])
        for name, forecast, note in of_training(suite, rows, options, todo) if todo else ():
            yield line(table, rows, name, forecast, note)


def key_of(
    suite: str, table: str, method: str, part: str, minutes: float | None
) -> tuple[str, ...]:
    """What a line is of; only a training depends on the minutes."""
    trained = method in ("ours", "ours_alone")
    return suite, table, method, part, f"{minutes}" if trained else ""


def read_lines(file: Path) -> list[Line]:
    """All lines so far."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="suites, and their sets.csv")
    parser.add_argument("--only", nargs="+", default=[], metavar="SUITE")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--minutes", type=float, help="of config init (default: its own)")
    parser.add_argument("--validate", action="store_true", help="never read the test rows")
    parser.add_argument("--output", default="runs/breadth", metavar="DIR")
    parser.add_argument("--cache", metavar="DIR", help="classical forecasts (default: in --output)")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="most for a command")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="classical fits")
    parser.add_argument("--overrides", nargs="+", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(words)
    options.cache = options.cache or f"{options.output}/classical"
    options.limit = options.limit or max(900.0, 240.0 * (options.minutes or 5))
    return options


def main(words: Sequence[str] | None = None) -> None:
    """Do what is left to do, and print the table of all that is done."""
    options = parsed(words)
    file = Path(options.output) / "results.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    names = ("suite", "table", "method", "part", "minutes")
    done = {key_of(*(line[name] for name in names)) for line in read_lines(file)}
    needed = {"quick": ("quick", "--horizon"), "ours_alone": ("predict", "--without-partners")}
    methods = [name for name in options.methods if name not in needed or has_option(*needed[name])]
    for suite in read_suites(Path(options.data), options.only, options.validate):
        for line in lines_of(suite, methods, done, options):
            with file.open("a", encoding="utf-8") as out:
                out.write(f"{json.dumps(line)}\n")
            shown = f"{line['suite']} {line['table']} {line['method']}: MASE {line['mase']:.3f}"
            print(
                f"{shown} ({line['naive_mase']:.3f}), {line.get('seconds')} s",
                line["error"] or "",
                file=sys.stderr,
                flush=True,
            )
    part = "validation" if options.validate else "test"
    chosen = [
        line
        for line in read_lines(file)
        if line["part"] == part
        and line["method"] in options.methods
        and (not options.only or line["suite"] in options.only)
        and ("ours" not in line["method"] or line["minutes"] == options.minutes)
    ]
    if chosen:
        print(table_of(chosen, options.methods, options.minutes or 5))


if __name__ == "__main__":
    main()
