"""From a configuration to data ready for training, and to fresh models for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from forecast.config.count_rules import distribution_of, lowest
from forecast.config.losses import CrossEntropy
from forecast.config.members import with_own
from forecast.config.model import ModelConfig
from forecast.config.tree import Config
from forecast.data.assemble import read_panel
from forecast.data.bounds import require_counts
from forecast.data.chain import known_rows_lost
from forecast.data.digest import data_digest
from forecast.data.labels import balanced, shares
from forecast.data.panel import Panel, Ranges
from forecast.data.pipeline import Pipeline, fit_pipeline, part_windows
from forecast.data.scale import mase_scale
from forecast.data.special_days import SpecialDays, warn_of_unknown_days
from forecast.data.split import Split, split
from forecast.data.trainable import (
    refuse_constant,
    refuse_empty_parts,
    refuse_short_series,
    warn_of_unseen_labels,
)
from forecast.data.windows import Windows
from forecast.errors import ConfigError
from forecast.forecasting.history import warn_of_held
from forecast.forecasting.model_file import load
from forecast.forecasting.predict import new_model
from forecast.forecasting.start import Weights, first_weights, sized_like
from forecast.forecasting.trained import TrainedModel
from forecast.models.forecaster import hidden_sizes
from forecast.partners.weights import FEWEST_STRETCHES
from forecast.runs.folder import RunFolder
from forecast.tables.frames import AnyTable
from forecast.times.axis import season_length
from forecast.training.device import require_precision
from forecast.training.learner import Learner, build_learner
from forecast.training.profile import Profile
from forecast.training.ranks import ONE_PROCESS, Ranks
from forecast.training.seeds import seeded
from forecast.training.session import Member, Session
from forecast.training.workers import workers_for

SMALLEST_SCALE = 0.01
"""Share of the median scale below which a series, nearly constant, gains no further weight."""


@dataclass(frozen=True)
class Prepared:
    """Data ready for training."""

    config: Config
    """With frequency, season, time format and hidden sizes resolved."""
    panel: Panel
    split: Split
    pipeline: Pipeline
    filled: Float[np.ndarray, "N C"]
    """Values in the user's units; what was missing is filled from within its part."""
    windows: Mapping[str, Windows]
    """By part, on the CPU."""
    first: tuple[Weights, ...]
    """Weights that the members begin with, in turn; none: fresh ones."""
    epochs_again: tuple[int, ...] = ()
    """Epochs of each member where all rows are trained on again; none: it is the first training."""

    @property
    def season(self) -> int:
        """Rows in a season."""
        return int(self.config.data.season)

    @property
    def filled_targets(self) -> Float[np.ndarray, "N K"]:
        """Targets in the user's units with missing ones filled."""
        return self.filled[:, : self.panel.num_targets]

    @property
    def scaling_rows(self) -> Ranges:
        """The rows of each series that its scale is learned from; see there."""
        panel, train = self.panel, self.split.train
        return self.pipeline.scaling_rows(panel, self.filled, train, self.config.widest)

    def as_history(self) -> Panel:
        """The panel as it is known after its last row: gaps are filled across the parts."""
        warn_of_held(self.panel)
        filled = self.pipeline.filled(self.panel, self.panel.offsets)
        return replace(self.panel, values=filled)


def prepare(
    config: Config,
    data: AnyTable | Panel | None = None,
    days: tuple[SpecialDays, ...] | None = None,
) -> Prepared:
    """Read, split, fit the pipeline on the training rows, and index the windows.

    Args:
        config: what to prepare for.
        data: a table in place of the file, or the panel that was read from it.
        days: special days that a model knows; None: those of the configuration.

    Raises:
        DataError, ConfigError: if that leaves nothing to train or to test on.
    """
    panel = data if isinstance(data, Panel) else read_panel(config.data, data)
    season = config.data.season
    season = season_length(panel.axis.frequency) if isinstance(season, str) else season
    window = config.widest
    needed = window.rows_read + window.horizon + known_rows_lost(config.transforms)
    parts = split(panel, config.split, needed, window.horizon)
    if not config.data.labels:
        refuse_constant(panel, parts)
    pipeline = _fitted(config, panel, parts, season, days)
    filled = pipeline.filled(panel, parts.offsets())
    windows = _windows(config, panel, parts, pipeline, filled, season)
    _look_ahead(panel, pipeline, window.horizon)
    start = load(config.training.start_from) if config.training.start_from else None
    known = _with_what_was_found(config, panel, season)
    resolved = _with_sizes(known, len(windows["train"]), start)
    first = first_weights(start, resolved, pipeline, panel, parts) if start else ()
    return Prepared(resolved, panel, parts, pipeline, filled, windows, first)


def _fitted(
    config: Config, panel: Panel, parts: Split, season: int, days: tuple[SpecialDays, ...] | None
) -> Pipeline:
    """The pipeline, fitted on the training rows, with the bounds of what is forecast."""
    options, window = config.data, config.widest
    pipeline = fit_pipeline(options, config.transforms, panel, parts, season, window, days)
    distribution = distribution_of(config)
    if distribution:
        require_counts(panel, distribution)
    warn_of_unseen_labels(pipeline, panel)
    return replace(pipeline, minimum=lowest(config), distribution=distribution)


def _windows(
    config: Config,
    panel: Panel,
    parts: Split,
    pipeline: Pipeline,
    filled: Float[np.ndarray, "N C"],
    season: int,
) -> dict[str, Windows]:
    """The windows of each part, of which there must be some, with the weights of their series."""
    window, is_raw = config.widest, config.model.start == "pretrained"
    windows = part_windows(pipeline, panel, filled, parts, window, raw=is_raw)
    skips = config.data.short_series == "skip"
    refuse_short_series(panel, parts, windows, window, pipeline.chain.rows_lost, skips)
    refuse_empty_parts(panel, parts, windows, window.horizon)
    return _weighted(windows, config.training.series_weights, panel, parts, season)


def _look_ahead(panel: Panel, pipeline: Pipeline, horizon: int) -> None:
    """Refuse a forecast beyond 2262, and warn of special days that are not known so far ahead."""
    ends = panel.starts + panel.lengths
    panel.axis.at(ends + horizon)
    days, first = pipeline.covariates.days, int(panel.starts.min())
    warn_of_unknown_days(days, panel.axis, first, int(ends.max()) - 1)


def _with_what_was_found(config: Config, panel: Panel, season: int) -> Config:
    """With the frequency, the season and the format of the times that the table has."""
    frequency, time_format = panel.axis.frequency, panel.time_format
    return config.updated("data", frequency=frequency, season=season, time_format=time_format)


def _with_sizes(config: Config, num_windows: int, start: TrainedModel | None) -> Config:
    """With the units of each layer, of all members; the pretrained network has its own."""
    if config.model.start == "pretrained":
        return config

    def units(model: ModelConfig, member: int = 0) -> int | tuple[int, ...]:
        """Of every layer, or of each where they differ."""
        sizes = hidden_sizes(sized_like(model, start, member) if start else model, num_windows)
        return sizes[0] if len(set(sizes)) == 1 else sizes

    own = [units(member.model, number) for number, member in enumerate(config.listed)]
    sized = config.updated("model", hidden_size=units(config.model))
    return with_own(sized, "model.hidden_size", own)


def on_all_rows(prepared: Prepared, epochs: tuple[int, ...] = ()) -> Prepared:
    """The same data, scaled as before, with every row to train on.

    Args:
        prepared: of the first training.
        epochs: of each member; none: they are not trained.
    """
    panel, pipeline, config = prepared.panel, prepared.pipeline, prepared.config
    starts, ends = panel.offsets[:-1], panel.offsets[1:]
    parts = Split(np.column_stack([starts, ends]), *[np.column_stack([ends, ends])] * 2)
    filled = pipeline.filled(panel, parts.offsets())
    is_raw = config.model.start == "pretrained"
    windows = part_windows(pipeline, panel, filled, parts, config.widest, raw=is_raw)
    windows = _weighted(windows, config.training.series_weights, panel, parts, prepared.season)
    return replace(prepared, split=parts, filled=filled, windows=windows, epochs_again=epochs)


def of_member(prepared: Prepared, number: int) -> Prepared:
    """What a member is trained on: its own configuration, and its weights of the series.

    Args:
        prepared: for all members.
        number: from 0.
    """
    config = prepared.config.member(number)
    if prepared.epochs_again:
        epochs = prepared.epochs_again[number]
        config = config.updated("training", epochs=epochs, early_stopping=None)
    if config is prepared.config:
        return prepared
    windows, kind = prepared.windows, config.training.series_weights
    if kind != prepared.config.training.series_weights:
        windows = _weighted(windows, kind, prepared.panel, prepared.split, prepared.season)
    first = prepared.first and (prepared.first[number % len(prepared.first)],)
    return replace(prepared, config=config, windows=windows, first=first)


def new_learner(
    prepared: Prepared, device: torch.device, rate: float, seed: int, profile: Profile | None = None
) -> Learner:
    """A fresh model with its optimiser; the weights depend on the seed alone, not on the device.

    Args:
        prepared: configuration, and the sizes of the windows; `of_member` gives those of a member.
        device: where the model is trained.
        rate: learning rate, before the schedule.
        seed: first weights, unless they are given, order of windows and dropout follow from it.
        profile: counts where the time goes.

    Raises:
        DeviceError: if the device cannot train in the precision of the configuration.
    """
    config = prepared.config
    # Bytes of orthogonal weights depend on the number of threads, too.
    with seeded(seed), workers_for(torch.device("cpu")):
        model = new_model(config, prepared.pipeline)
        require_precision(device, config.training.precision)
    if prepared.first:
        model.load_state_dict(prepared.first[(seed - config.seed) % len(prepared.first)])
    weights = class_weights(prepared)
    learner = build_learner(model.to(device), config.training, rate, seed, profile, weights)
    is_trained = (model.is_trained or bool(prepared.first)) and not prepared.epochs_again
    return replace(learner, is_trained=is_trained)


def class_weights(prepared: Prepared) -> Float[torch.Tensor, "K Q"] | None:
    """Weight of each class in the loss, as configured; None where targets are numbers."""
    labels, loss = prepared.pipeline.labels, prepared.config.training.loss
    if labels is None or not isinstance(loss, CrossEntropy):
        return None
    rows = prepared.split.train_rows()
    of_rows = shares(labels, prepared.windows["train"].targets[rows].numpy().astype(np.float64))
    weights = balanced(of_rows) if loss.class_weights == "balanced" else (of_rows > 0) * 1.0
    return torch.from_numpy(weights.astype(np.float32))


def new_session(
    prepared: Prepared,
    device: torch.device,
    folder: RunFolder | None = None,
    profile: Profile | None = None,
    show_every: float = math.inf,
    ranks: Ranks = ONE_PROCESS,
) -> Session:
    """A training of all members at its beginning.

    Args:
        prepared: data and configuration; `learning_rate: auto` is replaced by a number.
        device: where to train.
        folder: where it is saved to be resumed; None: nowhere.
        profile: counts where the time goes.
        show_every: seconds between two reports from within an epoch.
        ranks: the processes that share the work.
    """
    config = prepared.config

    def build(number: int) -> Member:
        member = of_member(prepared, number)
        rate = member.config.training.learning_rate
        assert isinstance(rate, float), "with_learning_rate replaces auto"
        learner = new_learner(member, device, rate, config.seed + number, profile)
        return Member(learner, member.windows)

    return Session(
        build,
        folder=folder,
        source=config.data.path,
        digest=data_digest(prepared.panel, prepared.pipeline.covariates.days),
        is_judged=stretches(prepared, "validation") >= FEWEST_STRETCHES,
        is_again=bool(prepared.epochs_again),
        whole_config=config.model_dump(mode="json"),
        show_every=show_every,
        ranks=ranks,
    )


def stretches(prepared: Prepared, part: str) -> int:
    """Of time, a horizon long, in which a part has origins: series of a table share their fate."""
    windows = prepared.windows[part]
    return len(np.unique(prepared.panel.positions(windows.origins()) // windows.horizon))


def _weighted(
    windows: Mapping[str, Windows], kind: str, panel: Panel, parts: Split, season: int
) -> dict[str, Windows]:
    """Windows with the weight of their series in the loss, 1 on the average.

    The weight of `mase` is one over the mean seasonal difference, as in the metric; where no series
    is as long as a season, over the mean difference of two rows. `mixed` is the mean of it and 1.
    """
    if kind == "equal":
        return {part: replace(each, weights=None) for part, each in windows.items()}
    targets = windows["train"].targets.numpy().astype(np.float64)
    for lag in (season, 1):
        scale = mase_scale(targets, panel.offsets, parts.train, lag)
        if not np.isnan(scale).all():
            break
    else:
        raise ConfigError(
            f"training.series_weights: {kind} divides by the mean change of a series, and no series"
            " changes in its training rows; set it to equal"
        )
    weights = 1 / np.maximum(scale, SMALLEST_SCALE * np.nanmedian(scale))
    weights = np.nan_to_num(weights / np.nanmean(weights), nan=1.0)
    weights = weights if kind == "mase" else (1 + weights) / 2
    shared = torch.from_numpy(weights.astype(np.float32))
    return {part: replace(each, weights=shared) for part, each in windows.items()}
