r"""Accuracy on public benchmarks, by the protocols of the literature.

python benchmarks/accuracy.py --set etth1 --data DIR
python benchmarks/accuracy.py --set m4_hourly --data DIR
python benchmarks/accuracy.py --set m4_hourly --validation --data DIR training.ensemble=1 \
    --variant model.linear_skip=none --variant "model.num_layers=2 model.dilations=[1,7]"

Trains every `configs/benchmarks/<set>*.yaml` from several seeds, prints a table with mean and
spread, and appends it to `benchmarks/RESULTS.md` with its command and machine. `--validation`
never reads the test part: it is for choosing. `scripts/fetch_data.py` fetches the files.

ETTh1: rows 0-8,639 train, 8,640-11,519 validate, 11,520-14,399 test, of ETTm1 four times as many;
MSE and MAE on columns that are standardised by the train rows, over every test window, step and
column.
M4 Hourly: 48 steps after the train file for each of 414 series; sMAPE and MASE, averaged over the
steps of a series and then over series; OWA against the competition's Naive2.
"""

import argparse
import itertools
import logging
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import forecast
from forecast.config.tree import Config, read_config
from forecast.evaluate import actuals, part_forecasts
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import prepare

CONFIGS = Path("configs/benchmarks")
ETT_ROWS = {
    "etth1": {"validation": 11_520, "test": 14_400},
    "ettm1": {"validation": 46_080, "test": 57_600},
}
M4_HORIZON, M4_SEASON = 48, 24
NAIVE2 = {"sMAPE": 18.383, "MASE": 2.395}


def run_ett(config: Config, folder: Path, part: str) -> tuple[TrainedModel, dict[str, float]]:
    """Train, then stream the windows of a part; rows after the part are never read."""
    file = Path(str(config.data.path)).name
    rows = ETT_ROWS[file.removesuffix(".csv").lower()][part]
    frame = pd.read_csv(folder / file).head(rows)
    if part == "validation":
        config = config.model_copy(update={"split": config.split.model_copy(update={"test": 0})})
    trained = forecast.train(config, frame)
    return trained, model_scale_errors(trained, frame, part)


def model_scale_errors(trained: TrainedModel, frame: pd.DataFrame, part: str) -> dict[str, float]:
    """MSE and MAE over all windows of a part, in deviations of the train rows, batch by batch."""
    prepared = prepare(trained.config, frame)
    truth, (begin, end) = actuals(prepared), prepared.split.train[0]
    deviation = truth.values[begin:end].std(axis=0)
    squared = absolute = count = 0.0
    for rows, forecasts in part_forecasts(trained.models, prepared, part, trained.combination):
        point = forecasts[..., forecasts.shape[-1] // 2]
        error = (point - truth.after(rows, point.shape[1])) / deviation
        squared += float(np.square(error).sum())
        absolute += float(np.abs(error).sum())
        count += error.size
    return {"MSE": squared / count, "MAE": absolute / count}


def run_m4_hourly(config: Config, folder: Path, part: str) -> tuple[TrainedModel, dict[str, float]]:
    """Train on the train file (for validation without its last 48 steps) and forecast 48 steps."""
    known = read_m4(folder / "M4-Hourly-train.csv")
    if part == "test":
        actual = read_m4(folder / "M4-Hourly-test.csv")
    else:
        actual = {name: values[-M4_HORIZON:] for name, values in known.items()}
        known = {name: values[:-M4_HORIZON] for name, values in known.items()}
    trained = forecast.train(config, long_table(known))
    table = trained.forecast()
    forecasts = {
        str(name): group.to_numpy() for name, group in table.groupby("unique_id")["forecast"]
    }
    return trained, owa(known, actual, forecasts)


def read_m4(path: Path) -> dict[str, np.ndarray]:
    """Series of a file of the competition: one a row, the name first, rows of unlike length."""
    table = pd.read_csv(path, index_col=0)
    return {
        str(name): row[~np.isnan(row)]
        for name, row in zip(table.index, table.to_numpy(float), strict=True)
    }


def long_table(series: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Columns unique_id, ds (hours from 0) and y."""
    lengths = [len(values) for values in series.values()]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(list(series), lengths),
            "ds": np.concatenate([np.arange(length) for length in lengths]),
            "y": np.concatenate(list(series.values())),
        }
    )


def owa(
    known: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
    forecasts: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """OWA, sMAPE and MASE as in the competition."""
    symmetric, scaled = [], []
    for name, truth in actual.items():
        error = np.abs(truth - forecasts[name])
        symmetric.append(np.mean(200 * error / (np.abs(truth) + np.abs(forecasts[name]))))
        past = known[name]
        scaled.append(error.mean() / np.abs(past[M4_SEASON:] - past[:-M4_SEASON]).mean())
    means = {"sMAPE": float(np.mean(symmetric)), "MASE": float(np.mean(scaled))}
    return {"OWA": sum(means[name] / NAIVE2[name] for name in means) / 2, **means}


SETS = {"etth1": run_ett, "ettm1": run_ett, "m4_hourly": run_m4_hourly}


def run_seeds(options: argparse.Namespace, path: Path, variant: list[str]) -> pd.DataFrame:
    """One row a seed: the metrics, parameters of all members together, seconds of it all."""
    part = "validation" if options.validation else "test"
    rows = []
    for seed in range(options.seeds):
        config = read_config(path, [*options.overrides, *variant, f"seed={100 * seed}"])
        began = time.perf_counter()
        trained, errors = SETS[options.set](config, Path(options.data), part)
        seconds = time.perf_counter() - began
        parameters = sum(p.numel() for model in trained.models for p in model.parameters())
        shares = trained.summary.get("coverage", {}).get("rolling", {})
        errors |= {f"{level} % interval covers": 100 * part for level, part in shares.items()}
        epochs = "+".join(map(str, trained.summary["kept_epochs"]))
        rows.append(
            {**errors, "parameters": parameters, "seconds": round(seconds), "epochs": epochs}
        )
        print(f"{path.stem} {variant} {config.seed}: {rows[-1]}", file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def table_row(name: str, runs: pd.DataFrame) -> str:
    """Mean and spread of the metrics over the seeds, as a row of Markdown."""
    metrics = runs.drop(columns=["parameters", "seconds", "epochs"])
    cells = [f"{metrics[m].mean():.4f} ± {metrics[m].std(ddof=0):.4f}" for m in metrics]
    epochs = ", ".join(runs["epochs"])
    last = [len(runs), f"{runs['parameters'][0]:,}", f"{runs['seconds'].mean():.0f}", epochs]
    return f"| {' | '.join([name, *cells, *map(str, last)])} |"


def main() -> None:
    """Print the table, and append it to the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--config", help="one configuration of the set, by its name")
    parser.add_argument("--data", default="data/external", help="folder of the files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--variant", action="append", default=[], help="changes to try beside the configuration"
    )
    parser.add_argument("--validation", action="store_true", help="measure on validation")
    parser.add_argument("--results", default="benchmarks/RESULTS.md", help="file to append to")
    options = parser.parse_args()
    logging.getLogger("forecast").setLevel(logging.ERROR)
    rows: list[str] = []
    variants = [[], *map(str.split, options.variant)]
    for path, variant in itertools.product(configurations(options), variants):
        runs = run_seeds(options, path, variant)
        metrics = [name for name in runs if name not in ("parameters", "seconds", "epochs")]
        head = ["configuration", *metrics, "seeds", "parameters", "seconds a seed", "epochs kept"]
        rows = rows or [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        rows.append(table_row(" ".join(variant) or path.stem, runs))
    text = "\n".join([described(options), "", *rows])
    print(text)
    with Path(options.results).open("a", encoding="utf-8") as file:
        file.write(f"\n{text}\n")


def configurations(options: argparse.Namespace) -> list[Path]:
    """The one that is named, or those of the set but for `speed.py`'s."""
    paths = sorted(CONFIGS.glob(f"{options.config or options.set + '*'}.yaml"))
    return [path for path in paths if options.config or not path.stem.endswith("_fast")]


def described(options: argparse.Namespace) -> str:
    """Heading with date, command and machine."""
    words = [word if word != options.data else "DIR" for word in sys.argv]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    part = "validation part" if options.validation else "test part"
    return f"### {options.set}, {part} ({date})\n\n`python {shlex.join(words)}` ({machine})"


if __name__ == "__main__":
    main()
