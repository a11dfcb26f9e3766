"""Gathers all that a run folder tells, and what its data and model still tell, into one page."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import TypeAdapter

from forecast.check import described
from forecast.config.training import LrRangeConfig
from forecast.config.tree import Config, read_config
from forecast.data.panel import Panel
from forecast.data.windows import Batch
from forecast.errors import ConfigError, DataError, ForecastError
from forecast.evaluate import last_test_forecasts
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared, prepare
from forecast.reporting.facts import Facts, Importance, Missing, Sweeps
from forecast.reporting.importance import error_rises, input_parts, lookback_parts
from forecast.reporting.page import Page, render
from forecast.reporting.pictures import MOST_PICTURES, forecast_pictures
from forecast.reporting.sections import page_of
from forecast.runs.files import write_atomically
from forecast.runs.folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    LR_RANGE_FILE,
    METRICS_FILE,
    PROFILE_FILE,
    REPORT_FILE,
)
from forecast.training.loop import Epoch
from forecast.training.lr_range import Point, Sweep, lr_found, suggest
from forecast.training.profile import profile_rows

MOST_WINDOWS, FEWEST_WINDOWS = 512, 64
"""Windows that are shuffled: the most, and as few as it takes to stay within `WORK`."""
WORK = 1e12
"""Multiplications for the importance; about half a minute on two cores."""
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""How a file that the run did not write makes itself known."""
EPOCH = TypeAdapter(Epoch)
Read = TypeVar("Read")
REPEATS = 4
PREDICTED_AT_ONCE = 64
"""Windows a batch, so that long lookbacks of many targets need little memory."""


def write_report(run: Path | str, output: Path | str | None = None, force: bool = False) -> Page:
    """Write the report of a finished run.

    Args:
        run: its folder.
        output: the file; None: `report.html` in the folder.
        force: replace the file if it is there.

    Returns:
        What was written.

    Raises:
        DataError: if there is no finished run.
        ConfigError: if the file exists.
    """
    run = Path(run)
    path = report_path(run, output)
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; give another --output, or --force")
    page = page_of(gather(run))
    write_atomically(path, render(page))
    return page


def report_path(run: Path | str, output: Path | str | None = None) -> Path:
    """Where the report of a run goes."""
    return Path(run) / REPORT_FILE if output is None else Path(output)


def gather(run: Path) -> Facts:
    """All that the report says, read from the run and computed from its data where they are."""
    if not (run / CONFIG_FILE).is_file():
        raise DataError(
            f"{run}: no run folder; it holds no {CONFIG_FILE}; give one of forecast train"
        )
    trained = load(run)
    config = read_config(run / CONFIG_FILE)
    prepared = _prepared(trained, config)
    quantiles = trained.quantiles()
    return Facts(
        run=run.resolve().name,
        targets=trained.pipeline.targets,
        summary=trained.summary,
        pictures=_pictures(trained, prepared),
        histories=_histories(run, trained.summary),
        sweeps=_sweeps(run, config.training.lr_range),
        data=prepared if isinstance(prepared, Missing) else described(prepared.panel),
        importance=prepared if isinstance(prepared, Missing) else importance(trained, prepared),
        config=(run / CONFIG_FILE).read_text(encoding="utf-8").rstrip(),
        environment=_environment(run),
        profile=_profile(run),
        shaded=100 * (quantiles[-1] - quantiles[0]),
    )


def _prepared(trained: TrainedModel, config: Config) -> Prepared | Missing:
    """The data as they were prepared for training, if they are there and still the same."""
    try:
        prepared = prepare(trained.config.model_copy(update={"data": config.data}))
    except ForecastError as error:
        return Missing(f"Left out, for the table cannot be read again: {error}.")
    if _is_same(prepared.as_history().tail(trained.rows_needed), trained.tail):
        return prepared
    return Missing(f"Left out, for {config.data.path} has changed since the run was trained.")


def _is_same(now: Panel, then: Panel) -> bool:
    """Whether two tables end alike: series, times and values."""
    return (
        (now.ids, now.axis) == (then.ids, then.axis)
        and np.array_equal(now.starts, then.starts)
        and np.array_equal(now.values, then.values, equal_nan=True)
    )


def _pictures(
    trained: TrainedModel, prepared: Prepared | Missing
) -> list[dict[str, Any]] | Missing:
    ahead = _ahead(trained)
    if isinstance(prepared, Prepared):
        tested = last_test_forecasts(trained.models, prepared, MOST_PICTURES)
        return forecast_pictures(prepared.panel, trained, tested, ahead, MOST_PICTURES)
    if not ahead:
        return prepared
    return forecast_pictures(trained.tail, trained, {}, ahead, MOST_PICTURES)


def _ahead(trained: TrainedModel) -> dict[str, np.ndarray]:
    """Series -> (H, K, Q) after its last row; empty where covariates of the future are wanted."""
    try:
        history, values = trained.forecast_panel(trained.tail)
    except ForecastError:
        return {}
    return dict(zip(history.ids, values, strict=True))


def _histories(run: Path, summary: dict[str, Any]) -> list[list[Epoch]] | Missing:
    """The epochs of each member; a loss that was no number is one again, NaN."""
    return _part(run, METRICS_FILE, lambda text: _epochs(text, summary)) or Missing(
        f"Left out, for the run holds no {METRICS_FILE}."
    )


def _part(run: Path, name: str, parse: Callable[[str], Read]) -> Read | Missing | None:
    """What a file of a run says, None without it; whoever edits a run folder loses that part."""
    if not (run / name).is_file():
        return None
    try:
        return parse((run / name).read_text(encoding="utf-8"))
    except (*DAMAGE, csv.Error):
        return Missing(f"Left out, for {name} is damaged, or of another run.")


def _epochs(text: str, summary: dict[str, Any]) -> list[list[Epoch]]:
    histories: list[list[Epoch]] = [[] for _ in range(summary["ensemble"])]
    for line in text.splitlines():
        values = json.loads(line)
        member, norms = values.pop("member"), values["gradient_norms"]
        values["gradient_norms"] = {name: _number(norm) for name, norm in norms.items()}
        values["train_loss"] = _number(values["train_loss"])
        if summary["windows"]["validation"]:
            values["validation_loss"] = _number(values["validation_loss"])
        histories[member].append(EPOCH.validate_python(values))
    _require_whole(histories, summary)
    return histories


def _require_whole(histories: list[list[Epoch]], summary: dict[str, Any]) -> None:
    """Raise a ValueError if an epoch is missing, be it for a power cut."""
    numbers = [[epoch.number for epoch in history] for history in histories]
    kept = zip(summary["kept_epochs"], numbers, strict=True)
    layers = {tuple(epoch.gradient_norms) for history in histories for epoch in history}
    if len(layers) != 1 or any(number not in each for number, each in kept):
        raise ValueError("an epoch is missing")


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _sweeps(run: Path, options: LrRangeConfig) -> Sweeps | Missing:
    return _part(run, LR_RANGE_FILE, lambda text: _swept(text, options)) or Missing(
        "The learning rate was set, not searched for."
    )


def _swept(text: str, options: LrRangeConfig) -> Sweeps:
    points: dict[int, list[Point]] = {}
    for row in csv.DictReader(text.splitlines()):
        numbers = [float(row[name]) for name in ("learning_rate", "loss", "smoothed_loss")]
        if not 0 < numbers[0] < math.inf:
            raise ValueError("no rate")
        points.setdefault(int(row["seed"]), []).append(Point(*numbers))
    sweeps = [
        Sweep(seed, tuple(each), suggest(each, options.last)) for seed, each in points.items()
    ]
    found = lr_found(sweeps, options.rule)
    return Sweeps(found.sweeps, found.rates, found.rule)


def _environment(run: Path) -> dict[str, Any] | Missing:
    return _part(run, ENVIRONMENT_FILE, _mapping) or Missing(
        f"Left out, for the run holds no {ENVIRONMENT_FILE}."
    )


def _mapping(text: str) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise TypeError(content)
    return content


def _profile(run: Path) -> list[tuple[str, str, str, str]] | Missing:
    return _part(run, PROFILE_FILE, lambda text: profile_rows(_mapping(text))) or Missing(
        "Not measured: forecast train --profile does."
    )


def importance(trained: TrainedModel, prepared: Prepared) -> Importance | Missing:
    """How much the model relies on each input and on each stretch of its lookback.

    Args:
        trained: its models must be on the CPU.
        prepared: the data; validation windows are used, or those of the test part where there are
            not two of them, evenly spaced.
    """
    part = "validation" if len(prepared.windows["validation"]) > 1 else "test"
    windows, pipeline = prepared.windows[part], prepared.pipeline
    if len(windows) < 2:
        return Missing("Left out, for neither validation nor test part holds two windows.")
    window, segment = trained.config.window, trained.config.model.segment
    inputs = input_parts(pipeline.targets, pipeline.covariates)
    lookback = lookback_parts(window.lookback, segment, pipeline.num_columns)
    count = min(len(windows), _affordable(trained, len(inputs) + len(lookback)))
    index = torch.linspace(0, len(windows) - 1, count).round().long()
    error, rises = error_rises(
        lambda batch: _median_forecast(trained, batch),
        windows.gather(index),
        [*inputs, *lookback],
        REPEATS,
    )
    names = [each.name for each in inputs]
    return Importance(
        part=part,
        windows=count,
        error=error,
        inputs=dict(zip(names, rises, strict=False)),
        lookback=tuple(lookback),
        lookback_rises=rises[len(inputs) :],
    )


def _affordable(trained: TrainedModel, parts: int) -> int:
    """Windows that a shuffling of so many parts may use; alike on every machine."""
    window, model = trained.config.window, trained.models[0]
    weights = sum(parameter.numel() for parameter in model.parameters())
    channels = len(trained.pipeline.targets) if model.is_independent else 1
    steps = (window.lookback + window.horizon) / trained.config.model.segment
    work = weights * channels * steps * len(trained.models) * (1 + REPEATS * parts)
    return int(np.clip(WORK / work, FEWEST_WINDOWS, MOST_WINDOWS))


def _median_forecast(trained: TrainedModel, batch: Batch) -> torch.Tensor:
    """(B, H, K) on the model's scale: of the median quantile, the median over the members."""
    columns = (batch.past, batch.future, batch.static)
    blocks = []
    with torch.inference_mode():
        for parts in zip(*(c.split(PREDICTED_AT_ONCE) for c in columns), strict=True):
            members = torch.stack([model(*parts) for model in trained.models])
            blocks.append(members[..., members.shape[-1] // 2].quantile(0.5, dim=0))
    return torch.cat(blocks)
