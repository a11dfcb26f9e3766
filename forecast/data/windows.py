"""Windows as integers: all series lie end to end in one flat tensor, a window is its first row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from forecast.tables.compact import blocks

Rows = Int[np.ndarray, " W"]
"""A row for each window."""


@dataclass(frozen=True)
class Batch:
    """Some windows, gathered."""

    past: Float[Tensor, "B L C"]
    """Targets and covariates over the lookback."""
    future: Float[Tensor, "B H F"]
    """Future-known covariates over the horizon."""
    static: Float[Tensor, "B D"]
    target: Float[Tensor, "B H K"]
    """What is to be forecast; NaN where it is masked."""
    weight: Float[Tensor, "B K"] | None = None
    """Weight of each window in the loss; None: all alike."""
    has_no_gaps: bool = False
    """Whether it is known that no target is masked."""

    def changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """With every tensor changed."""
        changed: dict[str, Any] = {name: change(each) for name, each in _tensors(self).items()}
        return replace(self, **changed)


@dataclass(frozen=True)
class Windows:
    """Windows over a panel; nothing is copied until a batch is gathered."""

    inputs: Float[Tensor, "N C"]
    """What the model sees: targets, past covariates, future covariates; no NaN inside a window."""
    targets: Float[Tensor, "N K"]
    """What it is scored on; may hold NaN."""
    static: Float[Tensor, "S D"]
    first_rows: Int[Tensor, " S"]
    """First row of each series, rising."""
    starts: Int[Tensor, " W"]
    """First row of each window's lookback; int32 where that holds them, for there are many. A
    padded window begins before its series, perhaps before row 0."""
    lookback: int
    horizon: int
    num_future: int
    """Number of last columns of `inputs` that are known over the horizon."""
    weights: Float[Tensor, "S K"] | None = None
    """Weight of each series in the loss; None: all alike."""
    has_no_gaps: bool = False
    """Whether it is known that no target of a window is NaN."""
    first_known: Int[Tensor, " S"] | None = None
    """First usable row of each series: it stands for all that a padded window reads before it.
    None: no window is padded."""
    nan_padding: bool = False
    """Whether a batch holds NaN there instead, for a model that tells padding from values."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def series(self) -> Int[Tensor, " W"]:
        """Series of each window."""
        return self.series_of(self.starts + (self.lookback - 1))

    def series_of(self, rows: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Series to which each row belongs."""
        return torch.bucketize(rows.to(self.first_rows.dtype), self.first_rows, right=True) - 1

    def gather(self, index: Int[Tensor, " B"]) -> Batch:
        """The windows of the given numbers, by one indexed read."""
        starts = self.starts[index]
        is_asked = self.static.shape[1] or self.weights is not None or self.first_known is not None
        series = self.series_of(starts + (self.lookback - 1)) if is_asked else None
        window, target = self._read(starts, series)
        first_future = window.shape[2] - self.num_future
        return Batch(
            past=window[:, : self.lookback],
            future=window[:, self.lookback :, first_future:],
            static=self.static.new_empty(len(index), 0) if series is None else self.static[series],
            target=target,
            weight=None if self.weights is None else self.weights[series],
            has_no_gaps=self.has_no_gaps,
        )

    def _read(
        self, starts: Int[Tensor, " B"], series: Int[Tensor, " B"] | None
    ) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B H K"]]:
        """All rows of some windows, and what is to be forecast."""
        if self.first_known is None:
            # Copying windows out of a view of all possible ones takes a third of the time that it
            # takes to number their rows and to read these.
            window = _stretches(self.inputs, 0, self.lookback + self.horizon)[starts]
            if self.targets is self.inputs:
                return window, window[:, self.lookback :]
            return window, _stretches(self.targets, self.lookback, self.horizon)[starts]
        rows = self.rows(starts, series)
        window = self.inputs[rows]
        if self.nan_padding:
            window = window.masked_fill((rows > self._steps(starts))[..., None], torch.nan)
        return window, self.targets[rows[:, self.lookback :]]

    def rows(
        self, starts: Int[Tensor, " B"], series: Int[Tensor, " B"] | None = None
    ) -> Int[Tensor, "B T"]:
        """(B, L + H) the row that each step of some windows reads.

        Args:
            starts: first row of each, before its series where it is padded.
            series: to which it belongs; None: to be found by its origin.
        """
        steps = self._steps(starts)
        if self.first_known is None:
            return steps
        series = self.series_of(starts + (self.lookback - 1)) if series is None else series
        return torch.maximum(steps, self.first_known[series][:, None])

    def _steps(self, starts: Int[Tensor, " B"]) -> Int[Tensor, "B T"]:
        return starts[:, None] + torch.arange(self.lookback + self.horizon, device=starts.device)

    def past_rows(self, origins: Int[np.ndarray, " B"]) -> Int[np.ndarray, "B L"]:
        """The rows that the lookbacks read which end at some rows."""
        starts = torch.from_numpy(origins - (self.lookback - 1))
        return self.rows(starts)[:, : self.lookback].numpy()

    def origins(self) -> Int[np.ndarray, " W"]:
        """(W,) last known row of each window."""
        return self.starts.cpu().numpy() + self.lookback - 1

    def subset(self, index: Int[Tensor, " B"]) -> Windows:
        """Only some windows, by number."""
        return replace(self, starts=self.starts[index])

    def tensors(self) -> list[Tensor]:
        """All tensors that a batch is read from."""
        return [*_tensors(self).values()]

    def to(self, device: torch.device) -> Windows:
        """The same windows with all tensors on a device."""
        return on_device({"": self}, device)[""]


def on_device(parts: Mapping[str, Windows], device: torch.device) -> dict[str, Windows]:
    """Parts on a device; tensors that they share are moved once and shared there."""
    moved: dict[int, Tensor] = {}

    def on(tensor: Tensor) -> Any:
        if id(tensor) not in moved:
            moved[id(tensor)] = tensor.to(device)
        return moved[id(tensor)]

    return {
        part: replace(windows, **{name: on(each) for name, each in _tensors(windows).items()})
        for part, windows in parts.items()
    }


def _tensors(value: Batch | Windows) -> dict[str, Tensor]:
    """Its tensors, by the names of its fields."""
    return {name: each for name, each in vars(value).items() if isinstance(each, Tensor)}


@dataclass(frozen=True)
class Usable:
    """The rows that windows may hold, and whether windows may lack some of their targets."""

    inputs: Bool[np.ndarray, " N"]
    """Rows that a lookback may hold."""
    targets: Bool[np.ndarray, " N"]
    """Rows that may be targets."""
    whole_targets: bool
    """False keeps a window if just one of its target rows is usable."""


def window_starts(
    offsets: Int[np.ndarray, " _"],
    part: Int[np.ndarray, "S 2"],
    usable: Usable,
    lookback: int,
    horizon: int,
    stride: int,
    least_history: int | None,
) -> Int[np.ndarray, " W"]:
    """Starts of the windows whose targets all lie in a part; lookbacks may reach into earlier rows.

    Args:
        offsets: (S + 1,) first row of each series, and N.
        part: first row of the part in each series, and the row after its last.
        usable: rows that windows may hold.
        lookback, horizon, stride: in rows; every series begins with its first usable row.
        least_history: usable rows up to the origin from which on a lookback may begin before its
            series; None: none does.

    Returns:
        First rows of the lookbacks, int32 where that holds them.
    """
    known = first_usable(usable.inputs, offsets)
    # Series s has counts[s] windows, at first[s], first[s] + stride, ... Numbered through over all
    # series, window w of series s begins at shift[s] + w * stride; the windows before those of s
    # are ends[s] - counts[s]. (S,)
    if least_history is None:
        first = _next(usable.inputs, np.maximum(part[:, 0] - lookback, offsets[:-1]))
    else:
        first = np.maximum(part[:, 0], known + least_history) - lookback
    counts = np.maximum((part[:, 1] - horizon - lookback - first) // stride + 1, 0)
    ends = np.cumsum(counts)
    shift = first - (ends - counts) * stride
    is_usable = _window_filter(usable, lookback, horizon)
    starts = np.empty(ends[-1], dtype=_row_type(len(usable.inputs)))
    found = 0
    for begin, end in blocks(len(starts)):  # windows begin to end - 1, of the series `some`
        some = slice(np.searchsorted(ends, begin, "right"), np.searchsorted(ends, end) + 1)
        windows = np.diff(np.clip(ends[some], begin, end), prepend=begin)  # of each series
        start = np.repeat(shift[some], windows) + np.arange(begin, end) * stride
        start = start[is_usable(start, np.maximum(start, np.repeat(known[some], windows)))]
        starts[found : found + len(start)] = start
        found += len(start)
    return starts[:found]


def _window_filter(
    usable: Usable, lookback: int, horizon: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Says which windows have all inputs and enough targets, by their start and first row read."""
    if usable.inputs.all() and usable.targets.all():
        return lambda start, first: np.ones(len(start), dtype=bool)  # noqa: ARG005
    missing_inputs, usable_targets = running_count(~usable.inputs), running_count(usable.targets)
    wanted = horizon if usable.whole_targets else 1

    def is_usable(start: Rows, first: Rows) -> Bool[np.ndarray, " W"]:
        middle = start + lookback
        known = usable_targets[middle + horizon] - usable_targets[middle]
        return np.asarray((missing_inputs[middle] == missing_inputs[first]) & (known >= wanted))

    return is_usable


def first_usable(
    usable: Bool[np.ndarray, " N"], offsets: Int[np.ndarray, " _"]
) -> Int[np.ndarray, " S"]:
    """The first usable row of each series; its very first where none is."""
    first = _next(usable, offsets[:-1])
    return np.asarray(np.where(first < offsets[1:], first, offsets[:-1]))


def running_count(flags: Bool[np.ndarray, " N"]) -> Int[np.ndarray, " _"]:
    """(N + 1,) number of flags before each row."""
    counts = np.zeros(len(flags) + 1, dtype=_row_type(len(flags)))
    for first, last in blocks(len(flags)):  # of which NumPy makes longer copies
        some = counts[first + 1 : last + 1]
        np.cumsum(flags[first:last], dtype=counts.dtype, out=some)
        some += counts[first]
    return counts


def _row_type(rows: int) -> type[np.integer]:
    """The smaller type that holds numbers of rows: there is one for every window."""
    return np.int32 if rows < 2**31 else np.int64


def _next(flags: Bool[np.ndarray, " N"], rows: Int[np.ndarray, " S"]) -> Int[np.ndarray, " S"]:
    """The first flagged row at or after each of some rows; the number of all if there is none."""
    if flags.all():
        return rows
    flagged = np.append(np.flatnonzero(flags), len(flags))
    return np.asarray(flagged[np.searchsorted(flagged, rows)])


def _stretches(values: Float[Tensor, "N C"], first: int, length: int) -> Float[Tensor, "M T C"]:
    """A view of `length` rows from each row on, beginning with row `first`; nothing is copied."""
    row, column = values.stride()
    size = (max(0, len(values) - first - length + 1), length, values.shape[1])
    return values[first:].as_strided(size, (row, row, column))
