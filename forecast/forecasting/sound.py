"""Whether the numbers of a model file can be those of a model: checked before one is built.

The digest of a file tells damage, not who made it. So sizes are held against what the file itself
holds, numbers against what training can give, and nothing large is made before that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from forecast.config.transforms import Difference, Power, TransformOption, Transforms
from forecast.data.covariates import FittedCovariate
from forecast.data.labels import MOST_CLASSES, FittedLabels
from forecast.data.panel import Panel
from forecast.data.special_days import MOST_DAYS, SpecialDays
from forecast.data.transforms import TRANSFORMS, Affine
from forecast.evaluation.conformal import Calibration
from forecast.evaluation.copula import MOST
from forecast.times.axis import TimeAxis
from forecast.times.ticks import INDEX

Arrays = Mapping[str, np.ndarray]
ARRAYS = {
    "tail.values": "float64",
    "tail.offsets": "int64",
    "tail.starts": "int64",
    "tail.static": "float64",
    "tail.lines": "int64",
    "ahead.values": "float64",
    "ahead.offsets": "int64",
    "ahead.starts": "int64",
    "calibration.radii": "float32",
    "calibration.sizes": "float64",
    "copula.ranks": "uint16",
    "ridge.weights": "float64",
}
"""Kind of numbers of each array."""
MOST_VALUES, MOST_TIMES_FILE = 2**26, 2000
"""A forecast reads and writes so many numbers, or so many for each one in the file, at most."""
MOST_DATES = 2**23
"""Steps of a calendar on an axis; from 1678 to 2262 there are 5 million hours."""


def require(holds: object, message: str) -> None:
    """Raise a ValueError unless something holds."""
    if not holds:
        raise ValueError(message)


def require_arrays(arrays: Arrays, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse arrays of other shapes or kinds.

    Args:
        arrays: by name; more than those that are checked may be there.
        shapes: of each array.

    Raises:
        KeyError, ValueError: for one that is missing, or not as it should be.
    """
    for name, shape in shapes.items():
        array, kind = arrays[name], ARRAYS.get(name, "float64")
        found = f"{name} is {array.dtype.name} {array.shape}"
        require((array.shape, array.dtype.name) == (shape, kind), found)


def require_tail(tail: Panel, window_rows: int) -> None:
    """Refuse rows that cannot be the end of a table, or a forecast that would not fit the memory.

    Args:
        tail: the last rows of the training table.
        window_rows: that one window reads and forecasts.
    """
    offsets, rows = tail.offsets, len(tail.values)
    require(
        offsets[0] == 0 and offsets[-1] == rows and (np.diff(offsets) >= 1).all(),
        "tail.offsets do not divide the rows into series",
    )
    for name, known in (("ids", tail.ids), ("columns", (*tail.columns, *tail.static_columns))):
        require(len(set(known)) == len(known), f"{name} appear twice")
    require(not np.isinf(tail.values).any(), "tail.values are infinite")
    require(not np.isinf(tail.static).any(), "tail.static is infinite")
    names, columns = (*tail.columns, *tail.static_columns), (*tail.values.T, *tail.static.T)
    for name, values in zip(names, columns, strict=True):
        if name in tail.categories:
            known = values[~np.isnan(values)]
            in_range = (known >= 0) & (known < len(tail.categories[name]))
            require((in_range & (known == np.floor(known))).all(), f"{name} holds no categories")
    numbers = tail.num_series * window_rows * (len(tail.columns) + 1)
    most = max(MOST_VALUES, MOST_TIMES_FILE * tail.values.size)
    require(numbers <= most, f"a forecast takes {numbers} numbers, more than such a file can need")


def require_classes(labels: FittedLabels | None, wanted: Sequence[str], tail: Panel) -> None:
    """Refuse classes that training cannot have found.

    Args:
        labels: of the file; None: it has none.
        wanted: targets that the configuration calls labels.
        tail: the last rows, whose categories hold all classes.
    """
    classes = () if labels is None else labels.classes
    require(len(classes) == len(wanted), "classes are not those of the labels")
    for name, known in zip(wanted, classes, strict=True):
        in_range = 2 <= len(known) <= MOST_CLASSES and known == tuple(sorted({*known}))
        require(in_range, f"classes of {name} are not in order, or too many")
        require({*known} <= {*tail.categories.get(name, ())}, f"levels of {name} lack a class")


def require_axis(axis: TimeAxis, starts: np.ndarray, rows: int) -> None:
    """Refuse an axis that does not tick, or whose times leave 64 bits or the calendar.

    Args:
        axis: of the tail.
        starts: position of each series' first row.
        rows: of the longest series, and of the trained horizon.
    """
    require(abs(axis.origin) < 2**63 - 1, "axis: times beyond 64 bits")
    require((axis.frequency == INDEX) == bool(axis.ticks), "axis: ticks of another frequency")
    require(all(abs(tick) < 2**63 - 1 for tick in axis.ticks), "axis: times beyond 64 bits")
    require(axis.rises, f"axis: frequency {axis.frequency!r}")
    step = axis.step()
    last = int(starts.max()) + rows
    require(starts.min() >= 0, "tail.starts lie before the axis")
    if step is None:
        require(last <= MOST_DATES, "tail.starts lie beyond the calendar")
    else:
        end = axis.origin + step * last
        require(abs(end) < 2**63 - 1, "axis: times beyond 64 bits")
    axis.column(starts)


def require_states(
    options: Transforms, states: Sequence[np.ndarray], series: int, targets: int
) -> None:
    """Refuse states that fitting the transforms cannot give.

    Args:
        options: the transforms, in order.
        states: what was fitted for each.
        series, targets: how many there are of them.

    Raises:
        ValueError: for another shape, or a number that is none, of no use or out of range.
    """
    for number, (option, state) in enumerate(zip(options, states, strict=True)):
        name = f"chain.{number}"
        of_series = series if getattr(option, "scope", "global") == "per_series" else 1
        shape = (of_series, targets, state.shape[-1] if state.ndim else 0)
        require_arrays({name: state}, {name: shape})
        require(np.isfinite(state).all() and _is_fitted(option, state), f"{name} was never fitted")


def _is_fitted(option: TransformOption, state: np.ndarray) -> bool:
    width = state.shape[-1]
    if isinstance(option, Difference):
        pairs = state.reshape(-1, width // 2, 2) if width % 2 == 0 else np.zeros((1, 1, 2))
        is_count = (pairs >= 1) & (pairs < 2**31) & (pairs == np.floor(pairs))
        return bool(is_count.all() and (pairs[..., 1] <= 10).all() and (pairs == pairs[:1]).all())
    if isinstance(option, Power):
        return width == 2 and bool((np.abs(state[..., 0] - 0.5) <= 1.5).all() and _positive(state))
    if isinstance(TRANSFORMS[option.key()](option), Affine):
        return width == 2 and _positive(state)
    return bool(width == 0)


def _positive(state: np.ndarray) -> bool:
    return bool((state[..., 1] > 0).all())


def require_calibration(calibration: Calibration) -> None:
    """Refuse radii that are negative, fall with their level, or are not numbers; inf is one."""
    levels, radii, sizes = calibration.levels, calibration.radii, calibration.sizes
    in_range = all(0 < level < 100 for level in levels)
    require(in_range and levels == tuple(sorted({*levels})) and levels, "calibration.levels")
    require((radii >= 0).all(), "calibration.radii are negative, or no numbers")
    rises = (radii[1:] >= radii[:-1]).all()  # not by differences: inf - inf is not a number
    require(rises, "calibration.radii fall with their levels")
    require((np.isfinite(sizes) & (sizes >= 0)).all(), "calibration.sizes")


def require_copula(arrays: Arrays, trajectories: int, series: int, window: tuple[int, int]) -> None:
    """Refuse ranks that are not those of trajectories, each once at every step.

    Args:
        arrays: of the file.
        trajectories: how many there are.
        series: that the model was fitted on.
        window: steps and targets of a forecast.
    """
    found = arrays["copula.ranks"].shape[1:2]
    groups = series if found == (series,) else 1
    shape = (trajectories, groups, *window)
    require_arrays(arrays, {"copula.ranks": shape})
    require(trajectories <= MOST, f"copula.ranks of {trajectories} trajectories, at most {MOST}")
    in_order = np.sort(arrays["copula.ranks"], axis=0)
    each_once = (in_order == np.arange(trajectories)[:, None, None, None]).all()
    require(each_once, "copula.ranks are not each there once")


def require_covariates(fitted: Iterable[FittedCovariate]) -> None:
    """Refuse a location or scale that no column has."""
    for each in fitted:
        is_scale = each.scale > 0 and math.isfinite(each.scale)
        require(is_scale and math.isfinite(each.location), f"covariate {each.option.name}")


def require_days(days: Sequence[SpecialDays], axis: TimeAxis, sources: Sequence[object]) -> None:
    """Refuse special days that are not in order, or that no configuration asks for."""
    require(not days or (sources and not axis.is_integer), "days that nothing asks for")
    require(len({each.name for each in days}) == len(days), "days appear twice")
    for each in days:
        rises = all(a < b for a, b in itertools.pairwise(each.days))
        in_range = not each.days or each.first <= each.days[0] <= each.days[-1] <= each.last
        is_known = -MOST_DAYS <= each.first <= each.last <= MOST_DAYS
        require(rises and in_range and is_known, f"days {each.name}")


def require_weights(
    weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> None:
    """Refuse weights of another network, or that are no finite numbers.

    Args:
        weights: of the file.
        expected: of the network that the configuration describes, which may have no memory (meta).
    """
    require(weights.keys() == expected.keys(), "weights of another network")
    for name, wanted in expected.items():
        weight = weights[name]
        shape, other = tuple(weight.shape), tuple(wanted.shape)
        require(shape == other, f"weight {name} is {shape}, the network has {other}")
        is_alike = weight.dtype == wanted.dtype
        require(is_alike and weight.isfinite().all(), f"weight {name} holds no finite numbers")
