"""Location and scale of the columns of a table, and of every series: what scaling is fitted by.

Columns may hold NaN, which is left out. They are worked on part by part, so that long ones need
little room. scikit-learn's scalers give the same, but importing them takes longer than to fit most
tables.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from forecast.config.transforms import Scope
from forecast.data.panel import Offsets, ragged_ranges
from forecast.tables.compact import ROWS_AT_ONCE, blocks

Columns = Float[np.ndarray, "N C"]
Moments = tuple[Float[np.ndarray, " C"], Float[np.ndarray, " C"]]
FitColumns = Callable[[Columns], Moments]
"""Two numbers for each column of (N, columns); NaN is left out."""
Values = Float[np.ndarray, "N K"]
State = Float[np.ndarray, "_ K P"]
"""P numbers for each target, of each series or (1) of all; in use broadcast to rows, forecasts."""
SMALL = 1e-100
"""Values below it have no squares."""
ROUNDING = 8 * np.finfo(np.float64).eps
"""Share of its values by which a constant column may change."""


def standard(columns: Columns) -> Moments:
    """Mean and standard deviation, by two corrected passes (Chan, Golub and LeVeque 1983).

    Args:
        columns: (N, C) float64.

    Returns:
        Two numbers a column; the scale of a column that is constant up to rounding is 0, and a
        column of NaN has location 0 and scale 0.
    """
    unit = _unit(columns)
    if unit.min(initial=1.0) < 1:
        location, scale = standard(columns / unit)
        return location * unit, scale * unit
    count = np.maximum(_sums(columns, lambda part: ~np.isnan(part)), 1)
    mean = _sums(columns, lambda part: part) / count
    rest = _sums(columns, lambda part: part - mean)
    squares = _sums(columns, lambda part: (part - mean) ** 2)
    variance = (squares - rest**2 / count) / count
    rounding = count * np.finfo(np.float64).eps
    is_constant = variance <= rounding * variance + (rounding * mean) ** 2
    return mean + rest / count, np.where(is_constant, 0.0, np.sqrt(np.maximum(variance, 0)))


def min_max(columns: Columns) -> Moments:
    """Least value, and the range of the values; else as `standard`."""
    least, most = (bound.reduce(columns, axis=0) for bound in (np.fmin, np.fmax))
    return np.nan_to_num(least), beyond_rounding(most - least, np.maximum(abs(least), abs(most)))


def robust(columns: Columns) -> Moments:
    """Median, and the range between the quartiles, or the deviation where half are alike."""
    # NumPy takes the quantiles of all columns at once, but those beside NaN one by one.
    quantiles = np.nanquantile if np.isnan(columns).any() else np.quantile
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN", category=RuntimeWarning)
        lower, median, upper = quantiles(columns, (0.25, 0.5, 0.75), axis=0)
    between = beyond_rounding(upper - lower, np.abs(median))
    is_alike = between == 0
    if is_alike.any():
        between[is_alike] = standard(columns[:, is_alike])[1]
    return np.nan_to_num(median), between


def _sums(columns: Columns, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sum of each column of what is made of the parts."""
    sums = [np.nansum(of(columns[first:last]), axis=0) for first, last in blocks(len(columns))]
    return np.asarray(np.sum(sums, axis=0))


def _unit(columns: Columns) -> Float[np.ndarray, " C"]:
    """A power of two for columns so small that their squares are rounded to zero; else 1."""
    parts = (columns[first:last] for first, last in blocks(len(columns)))
    most = np.max([np.fmax.reduce(np.abs(part), axis=0) for part in parts], axis=0)
    is_small = (most > 0) & (most < SMALL)
    return np.where(is_small, np.exp2(np.frexp(np.where(is_small, most, 1.0))[1] - 1.0), 1.0)


def beyond_rounding(scale: np.ndarray, level: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """Scales, but for those that rounding of values of a level explains, and for NaN."""
    return np.where(scale > ROUNDING * level, scale, otherwise)


def filled_scale(
    location: Float[np.ndarray, "S K"],
    scale: Float[np.ndarray, "S K"],
    others: Float[np.ndarray, "T K"],
    is_relative: bool = False,
) -> Float[np.ndarray, "S K"]:
    """A scale for constant series, too, that is in the unit of the values: no unit is special.

    It is their own level; that of series of zeros is the median scale of the others.

    Args:
        location, scale: of each series and target; the scale of a constant is 0.
        others: scales, among them those of other series.
        is_relative: whether values are logarithms, whose unit is 1 and which have no level.
    """
    if is_relative or (scale > 0).all():
        return np.where(scale > 0, scale, 1.0)
    known = np.where(others > 0, others, np.nan)
    usual = np.nanmedian(np.where(np.isnan(known).all(axis=0), 1.0, known), axis=0)
    return np.where(scale > 0, scale, np.where(location != 0, np.abs(location), usual))


def fit_series(fit_columns: FitColumns, values: Values, offsets: Offsets, scope: Scope) -> State:
    """Fit two numbers to each series and column, such as a location and a scale.

    Series of like lengths are fitted together, side by side; padding all of them to the longest
    would let one long series among many short ones fill the memory.

    Args:
        fit_columns: fits the columns of an array (rows, X), NaN left out.
        values: training rows (N, K).
        offsets: first row of each series, and N.
        scope: `per_series`, or `global` for all series together.

    Returns:
        State (S or 1, K, 2).
    """
    if scope == "global":
        offsets = offsets[[0, -1]]
    lengths = np.diff(offsets)
    state = np.empty((len(lengths), values.shape[1], 2))
    magnitude = np.frexp(lengths)[1]
    for power in np.unique(magnitude):
        alike = np.flatnonzero(magnitude == power)
        pieces = 1 + (len(alike) << int(power)) // ROWS_AT_ONCE
        for some in np.array_split(alike, min(pieces, len(alike))):
            columns = _side_by_side(values, offsets[some], lengths[some])
            state[some] = np.stack(fit_columns(columns), axis=-1).reshape(len(some), -1, 2)
    return state


def _side_by_side(
    values: Values, first: Int[np.ndarray, " S"], lengths: Int[np.ndarray, " S"]
) -> Float[np.ndarray, "M C"]:
    """(longest, S * K) some series as columns, padded with NaN to at least one row."""
    if len(lengths) == 1 and lengths[0]:  # without a copy
        return values[first[0] : first[0] + lengths[0]]
    padded = np.full((max(int(lengths.max()), 1), len(lengths), values.shape[1]), np.nan)
    series = np.repeat(np.arange(len(lengths)), lengths)
    step = ragged_ranges(np.zeros_like(lengths), lengths)
    padded[step, series] = values[ragged_ranges(first, lengths)]
    return padded.reshape(len(padded), -1)
