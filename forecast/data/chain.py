"""Transforms in a row: fitted on training rows, applied to a panel, undone on forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.config.transforms import Difference, Log, Power, TransformOption, Transforms
from forecast.data.moments import ROUNDING, filled_scale
from forecast.data.panel import Offsets, Ranges, offsets_of, range_mask
from forecast.data.transforms import TRANSFORMS, Transform, lags_of
from forecast.errors import DataError
from forecast.tables.compact import blocks, kept_rows


@dataclass(frozen=True)
class FittedChain:
    """Transforms with their states; see `fit_chain`."""

    options: Transforms
    states: tuple[Float[np.ndarray, "_ K _"], ...]

    @property
    def rows_lost(self) -> int:
        """Rows before the forecast that `invert` needs."""
        pairs = zip(self.options, self.states, strict=True)
        return sum(sum(lags_of(state)) for option, state in pairs if isinstance(option, Difference))

    def apply(
        self,
        values: Float[np.ndarray, "N K"],
        offsets: Offsets,
        series: Int[np.ndarray, " S"] | None = None,
    ) -> Float[np.ndarray, "N K"]:
        """To the model's scale.

        Args:
            values: in the user's units; NaN passes through.
            offsets: first row of each series, and N.
            series: number of the fitted series whose states apply; None: 0, 1, 2, ...

        Returns:
            float64, NaN where a difference has no past.

        Raises:
            DataError: for a value that a transform is not defined for; `row` is its row.
        """
        result = np.empty(values.shape)
        for first, block in self.blocks(values, offsets, series):
            result[first : first + len(block)] = block
        return result

    def blocks(
        self,
        values: Float[np.ndarray, "N K"],
        offsets: Offsets,
        series: Int[np.ndarray, " S"] | None = None,
    ) -> Iterator[tuple[int, Float[np.ndarray, "R K"]]]:
        """What `apply` gives, block by block, each with its first row: float64 needs much room.

        Args:
            values, offsets, series: as for `apply`.

        Raises:
            DataError: as `apply`.
        """
        numbers = np.arange(len(offsets) - 1) if series is None else series
        for first, last in blocks(len(values)):
            # A block holds the end of one series, whole series, and the beginning of another. The
            # first of them is read from `rows_lost` rows earlier, if it is that long, for the
            # differences need them; they are cut off again in the end.
            some = slice(
                np.searchsorted(offsets, first, "right") - 1, np.searchsorted(offsets, last)
            )
            begin = max(first - self.rows_lost, int(offsets[some.start]))
            edges = np.clip(offsets[some.start : some.stop + 1], begin, last) - begin
            try:
                block = self._applied(values[begin:last], edges, numbers[some])
            except OutOfRangeError as error:
                raise OutOfRangeError(str(error), begin + error.row, error.column) from None
            yield first, block[first - begin :]

    def _applied(
        self, values: Float[np.ndarray, "N K"], offsets: Offsets, series: Int[np.ndarray, " S"]
    ) -> Float[np.ndarray, "N K"]:
        for option, step, state in self._transforms():
            before = values
            values = step.apply(values, offsets, _by_row(state, offsets, series))
            _refuse_out_of_range(option, before, values)
        return values

    def invert(
        self,
        forecast: Float[np.ndarray, "B H K Q"],
        history: Float[np.ndarray, "B P K"],
        series: Int[np.ndarray, " B"],
    ) -> Float[np.ndarray, "B H K Q"]:
        """Back to the user's units, a whole batch at once.

        Args:
            forecast: on the model's scale.
            history: the rows before the forecast in the user's units, P >= `rows_lost`.
            series: number of each forecast's fitted series.

        Returns:
            float64 in the user's units.
        """
        # The history (B, P, K) as flat rows (B * P, K), as if each window were a series; it is
        # kept as each transform found it, because a difference is undone with the rows before it.
        batch, past, width = history.shape
        assert past >= self.rows_lost
        offsets = np.arange(batch + 1) * past
        before = history.reshape(-1, width)
        histories = []
        for _, step, state in self._transforms():
            histories.append(before.reshape(batch, past, width))
            if self.rows_lost:
                before = step.apply(before, offsets, _by_row(state, offsets, series))
        for (_, step, state), level in zip(
            reversed(self._transforms()), reversed(histories), strict=True
        ):
            chosen = state if len(state) == 1 else state[series]
            forecast = step.invert(forecast, level, chosen[:, None, :, None, :])
        return forecast

    def selected(self, series: Int[np.ndarray, " R"]) -> FittedChain:
        """The states of some series, by number; one may be there several times."""
        pairs = zip(self.options, self.states, strict=True)
        states = (state[series] if _is_per_series(option) else state for option, state in pairs)
        return FittedChain(self.options, tuple(states))

    def joined(self, other: FittedChain) -> FittedChain:
        """The states of this chain's series, then those of another's; global states are kept."""
        states = tuple(
            np.concatenate([ours, theirs]) if _is_per_series(option) else ours
            for option, ours, theirs in zip(self.options, self.states, other.states, strict=True)
        )
        return FittedChain(self.options, states)

    def replaced(self, series: Int[np.ndarray, " R"], other: FittedChain) -> FittedChain:
        """With the states of some series, by number, from a chain that was fitted on them alone."""
        states = []
        for option, ours, theirs in zip(self.options, self.states, other.states, strict=True):
            state = ours.copy()
            if _is_per_series(option):
                state[series] = theirs
            states.append(state)
        return FittedChain(self.options, tuple(states))

    def _transforms(self) -> list[tuple[TransformOption, Transform, Float[np.ndarray, "_ K _"]]]:
        steps = [TRANSFORMS[option.key()](option) for option in self.options]
        return list(zip(self.options, steps, self.states, strict=True))


def known_rows_lost(options: Transforms) -> int:
    """Rows that differences take, as far as their lags are known before the data are seen."""
    differences = [option for option in options if isinstance(option, Difference)]
    return sum(each.lag * each.order for each in differences if isinstance(each.lag, int))


class OutOfRangeError(DataError):
    """A value that a transform has no image for, e.g. the log of a negative."""

    def __init__(self, message: str, row: int, column: int) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


def fit_chain(
    options: Transforms,
    values: Float[np.ndarray, "N K"],
    train: Ranges,
    season: int,
    shared: FittedChain | None = None,
) -> FittedChain:
    """Fit each transform on the training rows, as the transforms before it leave them.

    Args:
        options: the transforms, in order.
        values: all rows in the user's units.
        train: training rows of each series.
        season: rows in a season, for `difference: auto`.
        shared: a chain of these options whose states serve for all series alike; only what is
            fitted per series is fitted anew.

    Raises:
        OutOfRangeError: for a training value that a transform has no image for.
    """
    rows = range_mask(train, len(values))
    train_offsets = offsets_of(train[:, 1] - train[:, 0])
    states: list[np.ndarray] = []
    given = current = kept_rows(values, rows)
    for number, option in enumerate(options):
        is_last = number == len(options) - 1
        step = TRANSFORMS[option.key()](option)
        state = None if shared is None else shared.states[number]
        if state is None or _is_per_series(option):
            fitted = step.fit(current, train_offsets, season)
            state = _in_the_unit(options[: number + 1], fitted, state, given, train_offsets)
        try:
            current = _transformed(option, state, current, train_offsets, kept=not is_last)
        except OutOfRangeError as error:
            row = int(np.flatnonzero(rows)[error.row])
            raise OutOfRangeError(str(error), row, error.column) from None
        states.append(state)
    return FittedChain(options, tuple(states))


def _in_the_unit(
    options: Transforms,
    state: Float[np.ndarray, "S K P"],
    shared: Float[np.ndarray, "T K P"] | None,
    values: Float[np.ndarray, "N K"],
    offsets: Offsets,
) -> Float[np.ndarray, "S K P"]:
    """A state whose scales are in the unit of the values, those of constants too.

    Args:
        options: the transform it is of, and those before.
        state: of series.
        shared: of other series; None: of none.
        values: training rows before all transforms; what differences leave of a straight line is
            their rounding.
        offsets: of these rows.
    """
    *before, option = options
    if not hasattr(option, "scope"):
        return state
    place, scale = state[..., 0], state[..., 1]  # a location or an exponent
    if before and all(isinstance(each, Difference) for each in before):
        least = ROUNDING * _levels(values, offsets if len(state) > 1 else offsets[[0, -1]])
        is_rounding = scale <= least
        neutral = 1.0 if isinstance(option, Power) else np.where(abs(place) > least, place, 0.0)
        place, scale = np.where(is_rounding, neutral, place), np.where(is_rounding, 0.0, scale)
    others = scale if shared is None else np.concatenate([scale, shared[..., 1]])
    level = np.zeros_like(place) if isinstance(option, Power) else place
    is_relative = any(isinstance(each, Log) for each in before)
    return np.stack([place, filled_scale(level, scale, others, is_relative)], axis=-1)


def _levels(values: Float[np.ndarray, "N K"], offsets: Offsets) -> Float[np.ndarray, "S K"]:
    """Greatest absolute value of each series; 0 without any."""
    filled = np.flatnonzero(np.diff(offsets))
    levels = np.zeros((len(offsets) - 1, values.shape[1]))
    levels[filled] = np.nan_to_num(np.fmax.reduceat(np.abs(values), offsets[:-1][filled], axis=0))
    return levels


def _transformed(
    option: TransformOption,
    state: Float[np.ndarray, "_ K P"],
    values: Float[np.ndarray, "N K"],
    offsets: Offsets,
    kept: bool,
) -> Float[np.ndarray, "N K"]:
    """Training rows through one transform; what is not kept is only made to be checked."""
    chain = FittedChain((option,), (state,))
    if kept:
        return chain.apply(values, offsets)
    for _ in chain.blocks(values, offsets):
        pass
    return values


def _is_per_series(option: TransformOption) -> bool:
    return getattr(option, "scope", "global") == "per_series"


def _refuse_out_of_range(
    option: TransformOption, before: Float[np.ndarray, "N K"], after: Float[np.ndarray, "N K"]
) -> None:
    if isinstance(option, Difference):  # the first rows of a series have none by design
        return
    lost = np.isnan(after) & ~np.isnan(before)
    if lost.any():
        row, column = (int(i) for i in np.argwhere(lost)[0])
        raise OutOfRangeError(
            f"transform {option.key()} has no value for {before[row, column]:g};"
            f" use {'log1p for zeros, ' if option.key() != 'log1p' else ''}power: yeo_johnson for"
            " any sign, or leave the transform out",
            row,
            column,
        )


def _by_row(
    state: Float[np.ndarray, "_ K P"], offsets: Offsets, series: Int[np.ndarray, " S"]
) -> Float[np.ndarray, "_ K P"]:
    """(N or 1, K, P) the state of each row's series."""
    return state if len(state) == 1 else np.repeat(state[series], np.diff(offsets), axis=0)
