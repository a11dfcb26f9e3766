"""The fitted way from a panel to model inputs, and from forecasts back to the user's units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from forecast.config.counts import Distribution
from forecast.config.data import DataConfig, MissingPolicy
from forecast.config.transforms import Transforms
from forecast.config.windows import WindowConfig
from forecast.data.chain import FittedChain, OutOfRangeError, fit_chain
from forecast.data.constants import constant_values, first_changes
from forecast.data.covariates import FittedCovariates, fit_covariates
from forecast.data.labels import FittedLabels, fit_labels
from forecast.data.late import after, scaling_rows
from forecast.data.missing import fill, require_complete
from forecast.data.panel import Offsets, Panel, Ranges, ragged_ranges
from forecast.data.short import padding_rows
from forecast.data.special_days import SpecialDays
from forecast.data.split import PARTS, Split
from forecast.data.windows import Usable, Windows, window_starts
from forecast.errors import DataError, shown


@dataclass(frozen=True)
class Pipeline:
    """What was learned from the training rows, and the names it was learned for."""

    chain: FittedChain
    covariates: FittedCovariates
    missing: MissingPolicy
    ids: tuple[str, ...]
    """Series whose states the chain holds, in its order."""
    targets: tuple[str, ...]
    constants: Float[np.ndarray, "S K"]
    """Value of each series and target that was the same in all rows it was fitted on; else NaN."""
    minimum: float = -np.inf
    """In the user's units: nothing below it is forecast."""
    distribution: Distribution | None = None
    """The distribution whose parameters are forecast; None: values are forecast themselves."""
    labels: FittedLabels | None = None
    """Classes of the targets; None: they are numbers."""

    @property
    def num_columns(self) -> int:
        """Columns that the model sees."""
        return len(self.targets) + len(self.covariates.past_names) + self.num_future

    @property
    def num_future(self) -> int:
        """Columns known over the horizon."""
        return len(self.covariates.future_names)

    def series_numbers(self, ids: Sequence[str]) -> Int[np.ndarray, " S"]:
        """Number of each series among the fitted ones, -1 for one that was not in training."""
        return np.fromiter(map(self._numbers.get, ids, repeat(-1)), np.int64, len(ids))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.ids)}

    def with_series_of(self, panel: Panel) -> Pipeline:
        """A pipeline that also knows the panel's new series, fitted on their own rows."""
        new = np.flatnonzero(self.series_numbers(panel.ids) < 0)
        if not len(new):
            return self
        unseen = panel.select(new)
        values = self.filled(unseen, unseen.offsets)[:, : unseen.num_targets]
        ranges = np.column_stack([unseen.offsets[:-1], unseen.offsets[1:]])
        chain = _fit(self.chain.options, unseen, values, ranges, season=1, shared=self.chain)
        own = _constants(self.labels, values, ranges)
        constants = np.concatenate([self.constants, own])
        ids = (*self.ids, *unseen.ids)
        return replace(self, chain=self.chain.joined(chain), ids=ids, constants=constants)

    def renamed(self, series: Int[np.ndarray, " R"], names: Sequence[str]) -> Pipeline:
        """A pipeline for fitted series, by number, under other names.

        Args:
            series: each may be there several times.
            names: of each of them, all different.
        """
        chain, constants = self.chain.selected(series), self.constants[series]
        return replace(self, chain=chain, ids=tuple(names), constants=constants)

    def filled(self, panel: Panel, parts: Offsets) -> Float[np.ndarray, "N C"]:
        """(N, C) the panel's values with missing numbers filled as configured."""
        return _filled(panel, parts, self.missing)

    def scaling_rows(
        self, panel: Panel, filled: Float[np.ndarray, "N C"], train: Ranges, window: WindowConfig
    ) -> Ranges:
        """The rows of each series that its scale is learned from; see `scaling_rows` in late.py."""
        targets = filled[:, : panel.num_targets]
        return scaling_rows(targets, panel.offsets, train, window, self.chain.rows_lost)

    def to_model_scale(
        self, panel: Panel, values: Float[np.ndarray, "N K"]
    ) -> Float[np.ndarray, "N K"]:
        """Targets on the model's scale; DataError names the line of a value without an image."""
        return np.concatenate([scaled for _, scaled in self._scaled(panel, values)])

    def tensors(
        self, panel: Panel, filled: Float[np.ndarray, "N C"], precise: bool = False
    ) -> tuple[torch.Tensor, ...]:
        """Inputs (N, C), targets (N, K) and static columns (S, D).

        Inputs are filled; targets keep their NaN where `missing: mask` leaves them out of the loss.

        Args:
            panel: whose series the pipeline knows.
            filled: (N, C) what `filled` gives for it.
            precise: in double precision; otherwise single.
        """
        precision = np.float64 if precise else np.float32
        width = len(self.targets)
        inputs = np.empty((len(filled), self.num_columns), dtype=precision)
        for first, scaled in self._scaled(panel, filled[:, :width]):
            rows = slice(first, first + len(scaled))
            inputs[rows, :width] = scaled
            inputs[rows, width:] = self.covariates.encode(panel, filled[rows], first)
        read = torch.from_numpy(inputs)
        scored = read if width == self.num_columns else read[:, :width]
        if self.missing == "mask" and np.isnan(panel.values[:, :width]).any():
            scaled = self.to_model_scale(panel, panel.values[:, :width])
            scored = torch.from_numpy(scaled.astype(precision))
        static = self.covariates.encode_static(panel)
        return read, scored, torch.from_numpy(static.astype(np.float32))

    def _scaled(
        self, panel: Panel, values: Float[np.ndarray, "N K"]
    ) -> Iterator[tuple[int, Float[np.ndarray, "R K"]]]:
        """Targets on the model's scale, block by block, each with its first row."""
        numbers = self.series_numbers(panel.ids)
        assert (numbers >= 0).all(), "with_series_of makes new series known"
        if self.labels:
            yield 0, self.labels.encode(values, panel)
            return
        try:
            yield from self.chain.blocks(values, panel.offsets, numbers)
        except OutOfRangeError as error:
            raise _placed(error, panel) from None

    def invert(
        self,
        forecast: Float[np.ndarray, "B H K Q"],
        panel: Panel,
        values: Float[np.ndarray, "N K"],
        origins: Int[np.ndarray, " B"],
    ) -> Float[np.ndarray, "B H K Q"]:
        """Forecasts in the user's units; a target that has been constant so far stays constant.

        Args:
            forecast: (B, H, K, Q) on the model's scale.
            panel: the series forecast.
            values: (N, K) their targets with missing ones filled.
            origins: (B,) last known row of each forecast.
        """
        rows = origins[:, None] + np.arange(1 - self.chain.rows_lost, 1)
        series = panel.series_of(origins)
        numbers = self.series_numbers([panel.ids[n] for n in series.tolist()])
        inverted = self.chain.invert(forecast.astype(np.float64), values[rows], numbers)
        inverted = np.asarray(np.maximum(inverted, self.minimum))
        known = self.constants[numbers]  # (B, K)
        if np.isnan(known).all():
            return inverted
        has_changed = origins[:, None] >= first_changes(values, panel.offsets, series, known)
        lasting = np.where(has_changed, np.nan, known)[:, None, :, None]
        return np.where(np.isnan(lasting), inverted, lasting)


def fit_pipeline(
    config: DataConfig,
    transforms: Transforms,
    panel: Panel,
    split: Split,
    season: int,
    window: WindowConfig,
    days: tuple[SpecialDays, ...] | None = None,
) -> Pipeline:
    """Fit transforms and covariates on the training rows, and on nothing else.

    With one exception: what is fitted per series is fitted on the first rows of a series if it has
    too few training rows, see `scaling_rows`.

    Args:
        config: covariates, and how missing values are filled.
        transforms: of the targets, in order.
        panel: all rows.
        split: which of them are for training.
        season: rows in a season, for `difference: auto`.
        window: the rows that one reads.
        days: special days that a model knows; None: those of the configuration.

    Raises:
        DataError: if a value is missing where none may be, or a transform is not defined for it.
    """
    if config.missing == "error":
        require_complete(panel)
    values = _filled(panel, split.offsets(), config.missing)
    targets = values[:, : panel.num_targets]
    chain = _fit(transforms, panel, targets, split.train, season)
    labels = fit_labels(panel, split.train_rows())
    rows = scaling_rows(targets, panel.offsets, split.train, window, chain.rows_lost)
    return Pipeline(
        chain=_with_late_series(chain, panel, targets, split.train, rows),
        covariates=fit_covariates(config, panel, values, split.train_rows(), days),
        missing=config.missing,
        ids=panel.ids,
        targets=panel.targets,
        constants=_constants(labels, targets, rows),
        labels=labels,
    )


def _constants(
    labels: FittedLabels | None, values: Float[np.ndarray, "N K"], ranges: Ranges
) -> Float[np.ndarray, "S K"]:
    """See `Pipeline.constants`; a label that has not changed yet may change."""
    if labels:
        return np.full((len(ranges), values.shape[1]), np.nan)
    return constant_values(values, ranges)


def _with_late_series(
    chain: FittedChain,
    panel: Panel,
    targets: Float[np.ndarray, "N K"],
    train: Ranges,
    rows: Ranges,
) -> FittedChain:
    """The chain with the states of late series fitted on the first rows of their own, `rows`."""
    late = np.flatnonzero(rows[:, 1] > train[:, 1])
    if not len(late):
        return chain
    some = panel.select(late)
    values = targets[ragged_ranges(panel.offsets[late], panel.lengths[late])]
    own = np.column_stack([some.offsets[:-1], some.offsets[:-1] + np.diff(rows[late])[:, 0]])
    fitted = _fit(chain.options, some, values, own, season=1, shared=chain)
    return chain.replaced(late, fitted)


def part_windows(
    pipeline: Pipeline,
    panel: Panel,
    filled: Float[np.ndarray, "N C"],
    split: Split,
    window: WindowConfig,
    raw: bool = False,
) -> dict[str, Windows]:
    """Windows of each part over shared tensors: train by its stride, evaluation by every row.

    A validation or test window whose origin lies in an interpolated gap is left out: the line that
    fills the gap ends at a value that the forecaster cannot know.

    Args:
        pipeline: fitted on the training rows.
        panel: as it was read.
        filled: (N, C) values filled within each part: `pipeline.filled(panel, split.offsets())`.
        split: rows of the parts.
        window: its sizes, and whether it may be padded.
        raw: whether the model is given double precision, and NaN for what a window lacks.
    """
    scaled = pipeline.scaling_rows(panel, filled, split.train, window)
    inputs, targets, static = pipeline.tensors(panel, filled, raw)
    known = ~np.isnan(targets.numpy())
    whole = pipeline.missing != "mask"
    usable = Usable(
        inputs=~np.isnan(inputs.numpy()).any(axis=1),
        targets=known.all(axis=1) if whole else known.any(axis=1),
        whole_targets=whole,
    )
    honest_origin = ~_interpolated(pipeline, panel)
    lookback, horizon = window.reach, window.horizon
    windows = {}
    for name in PARTS:
        starts = window_starts(
            panel.offsets,
            split.train if name == "train" else after(getattr(split, name), scaled),
            usable,
            lookback,
            horizon,
            window.stride if name == "train" else 1,
            window.rows_read if window.least_history else None,
        )
        if name != "train":
            starts = starts[honest_origin[starts + lookback - 1]]
        windows[name] = Windows(
            inputs=inputs,
            targets=targets,
            static=static,
            first_rows=torch.from_numpy(panel.offsets[:-1].astype(starts.dtype)),
            starts=torch.from_numpy(starts),
            lookback=lookback,
            horizon=horizon,
            num_future=pipeline.num_future,
            has_no_gaps=whole and not (pipeline.labels and bool((targets < 0).any())),
            first_known=padding_rows(inputs, panel.offsets, window, starts.dtype),
            nan_padding=raw,
        )
    return windows


def _filled(panel: Panel, parts: Offsets, missing: MissingPolicy) -> Float[np.ndarray, "N C"]:
    """Numbers are filled; an empty category stays empty, for it has a code of its own."""
    values = fill(panel.values, panel.offsets, parts, missing)
    if values is panel.values:
        return values
    return np.where(panel.is_category, panel.values, values)


def _interpolated(pipeline: Pipeline, panel: Panel) -> Bool[np.ndarray, " N"]:
    """(N,) rows in which a number that is known up to the origin only was interpolated."""
    if pipeline.missing != "interpolate":
        return np.zeros(len(panel.values), dtype=bool)
    future = [column.option.name for column in pipeline.covariates.future]
    is_past = np.array([name not in future for name in panel.columns], dtype=bool)
    return np.asarray(np.isnan(panel.values[:, is_past & ~panel.is_category]).any(axis=1))


def _fit(
    transforms: Transforms,
    panel: Panel,
    values: Float[np.ndarray, "N K"],
    train: Ranges,
    season: int,
    shared: FittedChain | None = None,
) -> FittedChain:
    try:
        return fit_chain(transforms, values, train, season, shared)
    except OutOfRangeError as error:
        raise _placed(error, panel) from None


def _placed(error: OutOfRangeError, panel: Panel) -> DataError:
    return DataError(
        f"{panel.place(error.row)}: column {shown(panel.columns[error.column])}: {error}"
    )
