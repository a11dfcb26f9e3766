"""What each command takes: an option is declared once, with its type, flag and help."""

from __future__ import annotations

import argparse
import json
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """What `ArgumentParser.add_argument` gets."""

    flags: list[str]
    settings: dict[str, Any]


def _option(name: str, text: str, **settings: Any) -> Any:
    """An option with its help: "--flag METAVAR" takes a value, "METAVAR" alone is positional."""
    *flags, metavar = name.split()
    return Argument(flags, {"help": text, "metavar": metavar, **settings})


def _flag(name: str, text: str) -> Any:
    return Argument([name], {"help": text, "action": "store_true"})


def _integer(name: str, text: str) -> Any:
    return _option(name, text, type=int)


def _columns(name: str, text: str, default: list[str] | None) -> Any:
    text += "; may be given several times"
    return _option(f"{name} COLUMN", text, action="append", default=default)


CONFIG = _option("CONFIG", "YAML configuration")
OVERRIDES = _option("section.key=value", "replaces a value, e.g. training.epochs=5", nargs="*")
TIME = _option("--time COLUMN", "time column (default: found by its values)")
ID = _columns("--id", "column that names the series, or columns that do together", [])
TARGET = _columns("--target", "column to forecast", None)
SEASON = _integer("--season N", "rows (default: by frequency, or by the values)")
TIMEZONE = _option("--timezone ZONE", "zone of local times, e.g. Europe/Berlin")
TIME_FORMAT = _option("--time-format FORMAT", "strptime format, e.g. %%d/%%m/%%Y")
FREQUENCY = _option(
    "--frequency STEP", "of the rows: h, D, MS, index, ... (default: told by the times)"
)
SAMPLES = _integer("--samples N", "sample paths in place of intervals, e.g. 200")
SEED = _integer("--seed N", "of the samples (default: 0)")
DUPLICATES = _option(
    "--duplicates HOW", "of rows with one time keep first, last, their mean or sum (default: error)"
)
DEVICES = "auto, cpu, cuda, cuda:N, xpu, xpu:N, mps"


class PrintOptions(argparse.Namespace):
    """Options of the commands that print a result."""

    json: bool = _flag("--json", "print the result as JSON")
    quiet: bool = _flag("--quiet", "log warnings only")


class ConfigOptions(PrintOptions):
    """Options of the commands that read a configuration and compute."""

    overrides: list[str] = OVERRIDES
    device: str | None = _option("--device NAME", f"{DEVICES} (default: as CONFIG says)")

    def all_overrides(self) -> list[str]:
        """The overrides, with --device as one of them."""
        return [*self.overrides, *([f"device={self.device}"] if self.device else [])]


class TrainOptions(ConfigOptions):
    """Train a model and compare it with seasonal naive."""

    config: str | None = _option("CONFIG", "YAML configuration", nargs="?")
    run: str | None = _option("--run DIR", "folder (default: runs/<config name>/<UTC time>)")
    resume: str | None = _option("--resume DIR", "go on with an interrupted run")
    start_from: str | None = _option(
        "--start-from RUN", "begin with the weights of a finished run, e.g. on newer rows"
    )
    force: bool = _flag("--force", "replace the run in DIR; other files stay")

    profile: bool = _flag("--profile", "tell where the time went; also DIR/profile.json")
    processes: int | None = _integer(
        "--processes N", "processes that share each batch (default: 1)"
    )
    max_restarts: int = _option(
        "--max-restarts N",
        "go on so often after a process was lost (default: 0)",
        type=int,
        default=0,
    )
    timeout: float = _option(
        "--timeout SECONDS",
        "end a process that does not answer for so long (default: 300)",
        type=float,
        default=300.0,
    )
    tensorboard: bool = _flag("--tensorboard", "also write DIR/tensorboard, epoch by epoch")
    mlflow: str | None = _option(
        "--mlflow URI", "also log to MLflow: file:///DIR, sqlite:///FILE or a server's https://..."
    )

    def all_overrides(self) -> list[str]:
        """The overrides, with --device and --start-from among them."""
        start = f"training.start_from={json.dumps(self.start_from)}"
        return [*super().all_overrides(), *([start] if self.start_from else [])]


PLOT = _option("--plot FILE", "draw the end of some series and their forecasts, as PNG")
SAFE_CSV = _flag("--safe-csv", "put ' before texts that a spreadsheet would run, such as =1+1")


class PredictOptions(PrintOptions):
    """Forecast the next steps from a trained model."""

    run: str = _option("RUN", "run folder, or its model.safetensors")
    data: str | None = _option(
        "--data FILE|DIR", "newer history, or a folder of it (default: end of the training table)"
    )
    future: str | None = _option("--future FILE", "covariates known over the horizon")
    compare: str | None = _option("--compare FILE", "another --future, forecast side by side")
    horizon: int | None = _integer("--horizon N", "steps (default: the trained horizon)")
    level: list[float] | None = _option(
        "--level PERCENT",
        "intervals, e.g. 80 95 (default: intervals.levels)",
        type=float,
        nargs="+",
    )
    samples: int | None = SAMPLES
    seed: int | None = SEED
    without_partners: bool = _flag("--without-partners", "what the network forecasts alone")
    output: str = _option(
        "--output FILE|DIR", "new .csv or .parquet, or folder (default: -, stdout)", default="-"
    )
    plot: str | None = PLOT
    force: bool = _flag("--force", "replace what --output and --plot hold")
    workers: int | None = _integer("--workers N", "processes for a folder (default: 1)")
    ray: str | None = _option("--ray ADDRESS", "share a folder out to a Ray cluster")
    format: str | None = _option(
        "--format NAME", "of a folder's forecasts: parquet or csv", choices=("parquet", "csv")
    )
    safe_csv: bool = SAFE_CSV
    device: str | None = _option("--device NAME", f"{DEVICES} (default: cpu)")


class ServeOptions(argparse.Namespace):
    """Answer requests for forecasts over HTTP."""

    runs: list[str] = _option("RUN", "run folder, or its model.safetensors", nargs="+")
    host: str = _option("--host H", "address (default: 127.0.0.1)", default="127.0.0.1")
    port: int = _option("--port P", "default: 8000; 0: any", type=int, default=8000)
    health_port: int = _option(
        "--health-port P", "/healthz, /readyz, /metrics (default: 8001)", type=int, default=8001
    )
    token_file: str | None = _option("--token-file FILE", "holds the token that requests bring")
    without_token: bool = _flag("--without-token", "serve everybody at an open --host")
    quiet: bool = _flag("--quiet", "log warnings only")


class LrFindOptions(ConfigOptions):
    """Find a learning rate with the learning-rate range test."""

    config: str = CONFIG
    seeds: int | None = _integer("--seeds N", "sweeps (default: training.lr_range.seeds)")
    output: str | None = _option(
        "--output DIR", "for curve and picture (default: runs/<config name>/<UTC time>-lr)"
    )
    force: bool = _flag("--force", "replace the curve in DIR")
    write: str | None = _option("--write YAML", "write a new configuration with the rate found")


class TuneOptions(ConfigOptions):
    """Search for a better configuration by its errors on validation."""

    config: str = CONFIG
    trials: int | None = _integer("--trials N", "in all, those of a study that goes on included")
    minutes: float | None = _option("--minutes M", "most time, start to end", type=float)
    workers: int | None = _integer("--workers N", "trials at a time, each a process (default: 1)")
    ray: str | None = _option("--ray ADDRESS", "of a Ray cluster that carries the trials out")
    pruner: str = _option(
        "--pruner NAME",
        "ends trials early: median, hyperband, none (default: median)",
        choices=["median", "hyperband", "none"],
        default="median",
    )
    output: str | None = _option(
        "--output DIR",
        "folder; a study in it goes on (default: runs/<config name>/<UTC time>-tune)",
    )


class BacktestOptions(ConfigOptions):
    """Test at several origins that roll on through the data."""

    source: str = _option("CONFIG|RUN", "YAML configuration to train, or a finished run")
    data: str | None = _option("--data FILE", "the table (default: data.path)")
    folds: int | None = _integer("--folds N", "origins (default: 5, or fewer where no more fit)")
    step: int | None = _integer("--step N", "rows between two origins (default: the horizon)")
    refit: bool = _flag("--refit", "train anew for each fold (default: once, before the first)")
    baselines: list[str] = _option(
        "--baselines NAME", "also auto_ets, auto_arima, auto_theta", nargs="+", default=[]
    )
    output: str | None = _option(
        "--output DIR", "folder (default: runs/<config name>/<UTC time>-backtest)"
    )
    force: bool = _flag("--force", "replace the backtest in DIR")
    safe_csv: bool = SAFE_CSV


class ReportOptions(PrintOptions):
    """Write all that is known of a run as one HTML page."""

    run: str = _option("RUN", "folder of a finished run")
    output: str | None = _option("--output FILE", "HTML file (default: RUN/report.html)")
    force: bool = _flag("--force", "replace the file if it is there")


class ExportOptions(PrintOptions):
    """Write a trained model as an ONNX file, for programs without forecast."""

    run: str = _option("RUN", "run folder, or its model.safetensors")
    output: str | None = _option("--output FILE", "ONNX file (default: RUN/model.onnx)")
    int8: bool = _flag("--int8", "weights in 8 bits; tells what they cost on validation")
    without_partners: bool = _flag("--without-partners", "the network alone")
    force: bool = _flag("--force", "replace the file if it is there")


class RunsOptions(argparse.Namespace):
    """List the runs of a folder: date, test scores, and in what they differ."""

    folder: str = _option("DIR", "folder (default: runs)", nargs="?", default="runs")
    json: bool = _flag("--json", "print the result as JSON")


class CheckOptions(ConfigOptions):
    """Read everything, train nothing, say what is found."""

    config: str = CONFIG


class InitOptions(argparse.Namespace):
    """Write a configuration fitted to a table."""

    table: str = _option("FILE", "CSV or Parquet")
    time: str | None = TIME
    id: list[str] = ID
    target: list[str] | None = TARGET
    labels: bool = _flag("--labels", "what is forecast are labels, even if it looks like numbers")
    past: list[str] = _columns("--past", "column that helps, known until now, or auto", [])
    future: list[str] = _columns("--future", "column that helps, known ahead, or auto", [])
    static: list[str] = _columns("--static", "column that helps, one value a series, or auto", [])
    horizon: int | None = _integer("--horizon N", "steps to forecast")
    minutes: float = _option(
        "--minutes M",
        "most for the training, start to forecast (default: 5)",
        type=float,
        default=5.0,
    )
    season: int | None = SEASON
    timezone: str | None = TIMEZONE
    time_format: str | None = TIME_FORMAT
    frequency: str | None = FREQUENCY
    duplicates: str | None = DUPLICATES
    holidays: str | None = _option("--holidays PLACE", "whose public holidays help: DE, or DE-BY")
    output: str = _option("--output YAML", "new file (default: -, stdout)", default="-")
    force: bool = _flag("--force", "replace the file if it is there")


class QuickOptions(PrintOptions):
    """Forecast a table at once: no configuration, no training."""

    table: str = _option("FILE", "CSV or Parquet")
    time: str | None = TIME
    id: list[str] = ID
    target: list[str] | None = TARGET
    horizon: int | None = _integer("--horizon N", "steps (default: by the season)")
    season: int | None = SEASON
    timezone: str | None = TIMEZONE
    time_format: str | None = TIME_FORMAT
    frequency: str | None = FREQUENCY
    duplicates: str | None = DUPLICATES
    level: list[float] | None = _option(
        "--level PERCENT", "intervals (default: 80 95)", type=float, nargs="+"
    )
    samples: int | None = SAMPLES
    seed: int | None = SEED
    folds: int | None = _integer(
        "--folds N", "origins at which it is judged, 0: none (default: by the size of the table)"
    )
    partners: list[str] | None = _option(
        "--partners NAME",
        "theta, ets, ridge, or none (default: theta and ets, but for large tables; ridge, if"
        " there are weeks of hours)",
        nargs="+",
    )
    plot: str | None = PLOT
    output: str = _option("--output FILE", "new .csv or .parquet (default: -, stdout)", default="-")
    force: bool = _flag("--force", "replace what --output and --plot hold")
    safe_csv: bool = SAFE_CSV


class ShowOptions(argparse.Namespace):
    """Print a configuration with all defaults."""

    config: str = CONFIG
    overrides: list[str] = OVERRIDES
    json: bool = _flag("--json", "print JSON in place of YAML")


class SchemaOptions(argparse.Namespace):
    """Print the JSON Schema, for completion in an editor."""


class CompletionOptions(argparse.Namespace):
    """Print a script that completes commands in a shell."""

    shell: str = _option("SHELL", "bash, zsh or fish", choices=("bash", "zsh", "fish"))


class DemoOptions(argparse.Namespace):
    """Show the main commands on a bundled series."""

    folder: str = _option("DIR", "for its files (default: demo)", nargs="?", default="demo")
    force: bool = _flag("--force", "write into a folder that is there")
