"""Turns a configuration into parts and runs them; the only module that sees everything."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.config import Config, write_config
from forecast.data.output import to_csv
from forecast.data.panel import Panel, read_panel
from forecast.data.pipeline import Pipeline, fit_pipeline, part_windows, short_series
from forecast.data.split import PARTS, Split, split
from forecast.data.times import season_length
from forecast.data.windows import Windows
from forecast.errors import ConfigError, DataError
from forecast.evaluation.metrics import mase_scale
from forecast.evaluation.scoring import MODEL, Actuals, score, verdict
from forecast.models.forecaster import Forecaster, hidden_sizes
from forecast.runs import CONFIG_FILE, RunFolder, environment
from forecast.trained import (
    MODEL_FILE,
    TrainedModel,
    forecast_table,
    member_forecasts,
    user_forecast,
    window_shape,
)
from forecast.training.device import choose_device, describe_device, seeded
from forecast.training.loop import (
    Epoch,
    Learner,
    best_epoch,
    build_learner,
    fit,
    stop_reason,
    symptoms,
)
from forecast.training.lr_range import RULES, Sweep, median_rate, run_sweeps

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

SAVE_EVERY = 30.0
"""Seconds of training between two writings of the resume file."""
LR_RULES = ("half_divergence", *RULES)


@dataclass(frozen=True)
class Prepared:
    """Data ready for training."""

    config: Config
    """With frequency, season and hidden sizes resolved."""
    panel: Panel
    split: Split
    pipeline: Pipeline
    windows: Mapping[str, Windows]
    """By part, on the CPU."""

    @property
    def season(self) -> int:
        """Rows in a season."""
        return int(self.config.data.season)

    def filled_targets(self) -> np.ndarray:
        """(N, K) targets in the user's units with missing ones filled."""
        values = self.pipeline.filled(self.panel, self.split.offsets())
        return values[:, : self.panel.num_targets]


@dataclass(frozen=True)
class LrFound:
    """What the learning-rate range test came to."""

    sweeps: list[Sweep]
    rates: dict[str, float | None]
    """Rule: median rate over the seeds; None where the curve is flat."""
    rule: str

    @property
    def rate(self) -> float | None:
        """The rate of the configured rule."""
        return self.rates[self.rule]


@dataclass(frozen=True)
class Progress:
    """One epoch of one member, as training goes on."""

    member: int
    members: int
    epoch: Epoch
    epochs: int


def prepare(config: Config, data: pd.DataFrame | None = None) -> Prepared:
    """Read, split, fit the pipeline on the training rows, and index the windows.

    Raises:
        DataError, ConfigError: if that leaves nothing to train or to test on.
    """
    panel = read_panel(config.data, data)
    season = config.data.season
    season = season_length(panel.axis.frequency) if isinstance(season, str) else season
    parts = split(panel, config.split)
    _refuse_constant(panel, parts)
    pipeline = fit_pipeline(config.data, config.transforms, panel, parts, season)
    window = config.window
    windows = part_windows(pipeline, panel, parts, window.lookback, window.horizon, window.stride)
    _refuse_empty_parts(config, panel, parts, pipeline, windows)
    sizes = hidden_sizes(config.model, len(windows["train"]))
    hidden = sizes[0] if len(set(sizes)) == 1 else sizes
    data_config = config.data.model_copy(
        update={"frequency": panel.axis.frequency, "season": season}
    )
    model_config = config.model.model_copy(update={"hidden_size": hidden})
    resolved = config.model_copy(update={"data": data_config, "model": model_config})
    return Prepared(resolved, panel, parts, pipeline, windows)


def new_learner(prepared: Prepared, device: torch.device, rate: float, seed: int) -> Learner:
    """A fresh model with its optimiser; the weights depend on the seed alone, not on the device."""
    config = prepared.config
    with seeded(torch.device("cpu"), seed):
        model = Forecaster(config.model, window_shape(config, prepared.pipeline))
    return build_learner(model.to(device), config.training, rate, seed)


def find_learning_rate(prepared: Prepared, device: torch.device) -> LrFound:
    """The learning-rate range test on the training windows, from several seeds."""
    options = prepared.config.training.lr_range
    train = prepared.windows["train"].to(device)
    sweeps = run_sweeps(
        lambda seed: new_learner(prepared, device, options.first, seed),
        train,
        options,
        prepared.config.seed,
    )
    rates = {rule: median_rate(sweeps, rule) for rule in LR_RULES}
    return LrFound(sweeps, rates, options.rule)


def lr_find(config: Config, data: pd.DataFrame | None = None) -> LrFound:
    """Read the data and run the learning-rate range test; nothing is trained for keeps."""
    return find_learning_rate(prepare(config, data), choose_device(config.device))


def train(
    config: Config,
    data: pd.DataFrame | None = None,
    folder: RunFolder | None = None,
    resume: bool = False,
) -> Generator[Progress, None, TrainedModel]:
    """Train a configuration, epoch by epoch.

    Args:
        config: what to train.
        data: a DataFrame in place of the file.
        folder: where to write; None writes nothing.
        resume: go on from the folder's resume file.

    Yields:
        A record after each epoch.

    Returns:
        The trained model, with its test scores in `summary`.
    """
    device = choose_device(config.device)
    log.info("device: %s", describe_device(device))
    prepared = prepare(config, data)
    _log_data(prepared)
    prepared = _with_learning_rate(prepared, device, folder)
    if folder is not None:
        folder.write(CONFIG_FILE, write_config(prepared.config))
        folder.write_json("environment.json", environment(str(device)))
    session = Session(prepared, device, folder)
    if resume:
        session.restore()
    try:
        yield from session.run()
    except KeyboardInterrupt:
        session.save()
        raise
    return _finish(session)


class Session:
    """The state of a training between epochs: finished members, the current one, its records."""

    def __init__(self, prepared: Prepared, device: torch.device, folder: RunFolder | None) -> None:
        self.prepared, self.device, self.folder = prepared, device, folder
        self.config = prepared.config
        self.done: list[dict[str, torch.Tensor]] = []
        """Weights of the finished members."""
        self.histories: list[list[Epoch]] = [[]]
        self.reasons: list[str] = []
        self.learner = self._next_learner()
        self.best = _copied(self.learner.model.state_dict())
        self.at_epoch_end = self._state()
        self.saved_at = time.monotonic()

    def run(self) -> Iterator[Progress]:
        """Train all members that are left."""
        parts = self.prepared.windows
        training, validation = (parts[name].to(self.device) for name in ("train", "validation"))
        members = self.config.training.ensemble
        while len(self.done) < members:
            history = self.histories[-1]
            reason = stop_reason(history, self.config.training) if history else None
            epochs = fit(self.learner, training, validation if len(validation) else None, history)
            while reason is None and (epoch := next(epochs, None)) is not None:
                history.append(epoch)
                reason = stop_reason(history, self.config.training)
                self._after_epoch(epoch)
                yield Progress(len(self.done), members, epoch, self.config.training.epochs)
            self._finish_member(reason or f"{history[-1].number} epochs are done")

    def save(self) -> None:
        """Write what a resumed training needs, as of the last finished epoch."""
        if self.folder is not None:
            self.folder.save_progress(*self.at_epoch_end)
            self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go on from the folder's resume file, if there is one.

        Raises:
            DataError: if the data have changed since it was written.
        """
        assert self.folder is not None
        found = self.folder.load_progress()
        if found is None:
            log.info("no epoch was saved: training begins anew")
            return
        tensors, content = found
        if content["data"] != _data_digest(self.prepared):
            raise DataError(
                f"{self.config.data.path}: the data have changed since the run was interrupted;"
                " train anew"
            )
        self.done = [_with_prefix(tensors, f"done.{n}.") for n in range(content["done"])]
        self.histories = [[Epoch(**epoch) for epoch in history] for history in content["epochs"]]
        self.reasons = list(content["reasons"])
        self.learner = self._next_learner()
        self.learner.model.load_state_dict(_with_prefix(tensors, "model."))
        _load_optimizer(self.learner, _with_prefix(tensors, "optimizer."))
        self.best = _with_prefix(tensors, "best.")
        self.at_epoch_end = self._state()
        self.folder.rewrite_epochs(self.histories)

    def _next_learner(self) -> Learner:
        seed = self.config.seed + len(self.done)
        rate = self.config.training.learning_rate
        assert isinstance(rate, float)
        return new_learner(self.prepared, self.device, rate, seed)

    def _after_epoch(self, epoch: Epoch) -> None:
        history = self.histories[-1]
        if self._keeps_best(epoch) and self._best_of(history) is epoch:
            self.best = _copied(self.learner.model.state_dict())
        for symptom in symptoms(history):
            if len(history) < 2 or symptom not in symptoms(history[:-1]):
                log.warning("epoch %d: %s", epoch.number, symptom)
        if self.folder is None:
            return
        self.folder.append_epoch(len(self.done), epoch)
        self.at_epoch_end = self._state()
        if time.monotonic() - self.saved_at > SAVE_EVERY:
            self.save()

    def _keeps_best(self, epoch: Epoch) -> bool:
        stopping = self.config.training.early_stopping
        return stopping is not None and epoch.validation_loss is not None

    def _best_of(self, history: list[Epoch]) -> Epoch:
        stopping = self.config.training.early_stopping
        return best_epoch(history, stopping.min_delta if stopping else 0.0)

    def _finish_member(self, reason: str) -> None:
        history = self.histories[-1]
        kept = self.kept_epochs()[-1]
        if not np.isfinite(kept.monitored):
            raise ConfigError(
                "the loss was never finite: lower training.learning_rate (forecast lr-find"
                " suggests one), or set training.clip_norm: 1"
            )
        if not self._keeps_best(history[-1]):
            self.best = _copied(self.learner.model.state_dict())
        log.info("stopped: %s; kept epoch %d", reason, kept.number)
        self.reasons.append(reason)
        self.done.append(self.best)
        if len(self.done) < self.config.training.ensemble:
            self.histories.append([])
            self.learner = self._next_learner()
            self.best = _copied(self.learner.model.state_dict())

    def kept_epochs(self) -> list[Epoch]:
        """The epoch of each member whose weights are kept."""
        return [
            self._best_of(history) if self._keeps_best(history[-1]) else history[-1]
            for history in self.histories
            if history
        ]

    def _state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        if self.folder is None:
            return {}, {}
        tensors = {f"model.{k}": v for k, v in _copied(self.learner.model.state_dict()).items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in _optimizer_tensors(self.learner).items()}
        for number, weights in enumerate(self.done):
            tensors |= {f"done.{number}.{name}": weight for name, weight in weights.items()}
        content = {
            "done": len(self.done),
            "epochs": [[asdict(epoch) for epoch in history] for history in self.histories],
            "reasons": self.reasons,
            "data": _data_digest(self.prepared),
        }
        return tensors, content


def part_forecasts(
    models: tuple[Forecaster, ...], prepared: Prepared, part: str = "test"
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Origins (B,) and forecasts (B, H, K, Q) in the user's units, batch by batch."""
    windows = prepared.windows[part]
    origins, filled = windows.origins(), prepared.filled_targets()
    for index, members in member_forecasts(models, windows):
        rows = origins[index]
        yield rows, user_forecast(members, prepared.pipeline, prepared.panel, filled, rows)


def actuals(prepared: Prepared) -> Actuals:
    """The truth that forecasts are scored against."""
    panel = prepared.panel
    values = panel.values[:, : panel.num_targets]
    return Actuals(
        values=values,
        filled=prepared.filled_targets(),
        offsets=panel.offsets,
        scale=mase_scale(values, panel.offsets, prepared.split.train, prepared.season),
        season=prepared.season,
    )


def _finish(session: Session) -> TrainedModel:
    """Score on the test part, write the model, the tables and the pictures."""
    prepared, folder = session.prepared, session.folder
    shape = window_shape(prepared.config, prepared.pipeline)
    models = []
    for weights in session.done:
        model = Forecaster(prepared.config.model, shape).to(session.device)
        model.load_state_dict(weights)
        models.append(model.eval())
    summary = _summary(session, tuple(models))
    filled = prepared.pipeline.filled(prepared.panel, prepared.split.offsets())
    trained = TrainedModel(
        config=prepared.config,
        pipeline=prepared.pipeline,
        models=tuple(models),
        tail=prepared.panel,
        summary=summary,
    )
    trained = replace(
        trained, tail=replace(prepared.panel, values=filled).tail(trained.rows_needed)
    )
    if folder is not None:
        trained.save(folder.path / MODEL_FILE)
        folder.write_json("summary.json", summary)
        _write_results(session, trained, folder)
    return trained


def _summary(session: Session, models: tuple[Forecaster, ...]) -> dict[str, Any]:
    prepared = session.prepared
    config = prepared.config
    summary: dict[str, Any] = {
        "model": config.model.cell,
        "parameters": sum(p.numel() for p in models[0].parameters()),
        "ensemble": len(models),
        "learning_rate": config.training.learning_rate,
        "epochs": [len(history) for history in session.histories],
        "kept_epochs": [epoch.number for epoch in session.kept_epochs()],
        "validation_loss": [epoch.validation_loss for epoch in session.kept_epochs()],
        "stopped": session.reasons,
        "seconds": sum(history[-1].seconds for history in session.histories),
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "season": prepared.season,
    }
    if not len(prepared.windows["test"]):
        return summary | {"verdict": "There is no test part, so nothing is known of the accuracy."}
    batches = (
        (rows, values[..., values.shape[-1] // 2])
        for rows, values in part_forecasts(models, prepared)
    )
    scores = score(batches, actuals(prepared))
    named = {config.model.cell if name == MODEL else name: s for name, s in scores.items()}
    metrics = {name: sums.overall() for name, sums in named.items()}
    return summary | {
        "metrics": metrics,
        "mae_by_step": {name: sums.per_step()["MAE"].tolist() for name, sums in named.items()},
        "verdict": verdict(metrics, config.model.cell, len(prepared.windows["test"])),
    }


def _write_results(session: Session, trained: TrainedModel, folder: RunFolder) -> None:
    from forecast.evaluation import plots

    best = [epoch.number for epoch in session.kept_epochs()]
    folder.write("learning_curve.png", plots.png(plots.learning_curve(session.histories, best)))
    if trained.config.data.future:
        log.info("forecast.csv is left out: predict needs the future covariates (--future FILE)")
        ahead = None
    else:
        history, values = trained.forecast_panel(trained.tail)
        table = forecast_table(trained.config.data, history, values, trained.levels)
        folder.write("forecast.csv", to_csv(table))
        ahead = values
    panels = forecast_panels(session.prepared, trained, ahead)
    folder.write("forecast.png", plots.png(plots.forecasts(panels, "Forecast")))


def forecast_panels(
    prepared: Prepared, trained: TrainedModel, ahead: np.ndarray | None
) -> list[dict[str, Any]]:
    """What the picture of the forecast shows: the last test window, and the steps ahead.

    Args:
        prepared: the data.
        trained: the model.
        ahead: (S, H, K, Q) forecasts after the last row, or None.
    """
    panel, window = prepared.panel, trained.config.window
    last = {int(row): values for row, values in _last_test_window(prepared, trained)}
    shown = window.lookback + 3 * window.horizon
    panels = []
    for series in range(panel.num_series):
        end = int(panel.offsets[series + 1])
        rows = np.arange(max(int(panel.offsets[series]), end - shown), end)
        positions = panel.positions(rows)
        for target, name in enumerate(panel.targets):
            lines: dict[str, Any] = {}
            tested = last.get(end - 1 - window.horizon)
            if tested is not None:
                times = panel.axis.column(positions[-window.horizon :])
                lines["test forecast"] = _line(times, tested[:, target])
            if ahead is not None:
                times = panel.axis.column(positions[-1] + 1 + np.arange(ahead.shape[1]))
                lines["next steps"] = _line(times, ahead[series, :, target])
            label = f"{panel.ids[series]}, {name}" if panel.has_ids else name
            panels.append(
                {
                    "name": label,
                    "times": panel.axis.column(positions),
                    "actual": panel.values[rows, target],
                    "forecasts": lines,
                }
            )
    return panels


def _last_test_window(
    prepared: Prepared, trained: TrainedModel
) -> Iterator[tuple[int, np.ndarray]]:
    """Origin and forecast (H, K, Q) of the last window of each series' test part."""
    windows = prepared.windows["test"]
    wanted = prepared.panel.offsets[1:] - 1 - windows.horizon
    index = np.flatnonzero(np.isin(windows.origins(), wanted))[:8]
    last = replace(prepared, windows={"test": windows.subset(torch.from_numpy(index))})
    for rows, values in part_forecasts(trained.models, last) if len(index) else ():
        yield from zip(rows, values, strict=True)


def _line(times: pd.Series, values: np.ndarray) -> tuple[Any, ...]:
    """Times, median, and the outermost quantiles if there are any."""
    quantiles = values.shape[-1]
    bounds = (values[:, 0], values[:, -1]) if quantiles > 1 else (None, None)
    return (times, values[:, quantiles // 2], *bounds)


def _with_learning_rate(
    prepared: Prepared, device: torch.device, folder: RunFolder | None
) -> Prepared:
    """With `learning_rate: auto` replaced by what the range test finds."""
    training = prepared.config.training
    if isinstance(training.learning_rate, float):
        return prepared
    found = find_learning_rate(prepared, device)
    if folder is not None:
        write_lr_range(found, folder)
    if found.rate is None:
        raise ConfigError(
            "training.learning_rate: auto found a flat curve and suggests nothing; set a rate"
        )
    log.info("learning rate: %.3g (%s)", found.rate, found.rule)
    rate = float(f"{found.rate:.3g}")
    config = prepared.config.model_copy(
        update={"training": training.model_copy(update={"learning_rate": rate})}
    )
    return replace(prepared, config=config)


def write_lr_range(found: LrFound, folder: RunFolder) -> None:
    """`lr_range.csv` and `lr_range.png`."""
    from forecast.evaluation import plots

    lines = ["seed,step,learning_rate,loss,smoothed_loss"]
    lines += [
        f"{sweep.seed},{step},{point.rate!r},{point.loss!r},{point.smoothed!r}"
        for sweep in found.sweeps
        for step, point in enumerate(sweep.points)
    ]
    folder.write("lr_range.csv", "\n".join(lines) + "\n")
    picture = plots.lr_range(found.sweeps, found.rates, found.rule)
    folder.write("lr_range.png", plots.png(picture))


def _log_data(prepared: Prepared) -> None:
    panel, windows = prepared.panel, prepared.windows
    counts = ", ".join(f"{len(windows[name])} {name}" for name in PARTS)
    log.info(
        "data: %d series, %d rows, frequency %s, season %d; windows: %s",
        panel.num_series,
        len(panel.values),
        panel.axis.frequency,
        prepared.season,
        counts,
    )


def _refuse_constant(panel: Panel, parts: Split) -> None:
    rows = np.concatenate([np.arange(first, end) for first, end in parts.train])
    for column, name in enumerate(panel.targets):
        values = panel.values[rows, column]
        known = values[~np.isnan(values)]
        if not len(known):
            raise DataError(f"{panel.source}: column {name!r} is empty in all training rows")
        if known.min() == known.max():
            raise DataError(
                f"{panel.source}: column {name!r} is constant ({known[0]:g} in all training rows);"
                " there is nothing to learn"
            )


def _refuse_empty_parts(
    config: Config,
    panel: Panel,
    parts: Split,
    pipeline: Pipeline,
    windows: Mapping[str, Windows],
) -> None:
    lookback, horizon = config.window.lookback, config.window.horizon
    needed = lookback + horizon + pipeline.chain.past
    short = short_series(panel, parts, pipeline, lookback, horizon)
    if len(short) and (config.data.short_series == "error" or not len(windows["train"])):
        name = f"series {panel.ids[short[0]]} has" if panel.has_ids else "there are"
        rows = int(np.diff(parts.train[short[0]])[0])
        remedy = ", or set data.short_series: skip" if panel.has_ids else ""
        raise DataError(
            f"{panel.source}: {name} {rows} training rows, too few for one window of lookback"
            f" {lookback} + horizon {horizon}"
            f"{f' + {pipeline.chain.past} for differences' if pipeline.chain.past else ''}"
            f" = {needed} rows; lower window.lookback or window.horizon{remedy}"
        )
    if len(short):
        names = ", ".join(panel.ids[number] for number in short[:5])
        log.warning("%d series are too short to train on: %s, ...", len(short), names)
    for name in PARTS:
        if len(windows[name]):
            continue
        rows = int((getattr(parts, name)[:, 1] - getattr(parts, name)[:, 0]).max())
        if name == "train":
            raise DataError(
                f"{panel.source}: no training window is free of missing values; set data.missing"
            )
        if rows:
            raise ConfigError(
                f"split.{name}: {rows} rows hold no window of {horizon} known steps; give it at"
                f" least {horizon} rows, or 0"
            )


def _data_digest(prepared: Prepared) -> str:
    return hashlib.sha256(prepared.panel.values.tobytes()).hexdigest()


def _copied(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _with_prefix(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _optimizer_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """The optimiser's state as `<parameter number>.<name>`."""
    state = learner.optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value.detach().clone()
        for number, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def _load_optimizer(learner: Learner, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    groups = learner.optimizer.state_dict()["param_groups"]
    learner.optimizer.load_state_dict({"state": state, "param_groups": groups})
