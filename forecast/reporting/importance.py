"""Permutation importance: how much larger the error gets when a part of the input is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from forecast.data.covariates import FittedCovariates
from forecast.data.windows import Batch

Predict = Callable[[Batch], Tensor]
"""Windows -> point forecasts (B, H, K) on the model's scale."""
FEWEST_STRETCHES, MOST_STRETCHES = 4, 24
"""Stretches into which a lookback is cut, if it has so many steps."""


@dataclass(frozen=True)
class Part:
    """What is shuffled as one: columns of a batch, over some steps of the lookback."""

    name: str
    past: tuple[int, ...] = ()
    """Columns of the lookback."""
    future: tuple[int, ...] = ()
    static: tuple[int, ...] = ()
    first: int = 0
    """First step of the lookback, from 0."""
    end: int | None = None
    """The step after the last; None: to the end."""


def input_parts(targets: Sequence[str], covariates: FittedCovariates) -> list[Part]:
    """Each target's own past, then each covariate with all columns that it became."""
    parts = [Part(f"past {name}", past=(column,)) for column, name in enumerate(targets)]
    first, known = len(targets), 0
    for fitted in covariates.past:
        width = len(fitted.names)
        parts.append(Part(fitted.option.name, past=_columns(first, width)))
        first += width
    widths = [(fitted.option.name, len(fitted.names)) for fitted in covariates.future]
    widths += [(name, 2) for name in covariates.calendar]  # a sine and a cosine
    for name, width in widths:
        parts.append(Part(name, _columns(first + known, width), _columns(known, width)))
        known += width
    first = 0
    for fitted in covariates.static:
        width = len(fitted.names)
        parts.append(Part(fitted.option.name, static=_columns(first, width)))
        first += width
    return parts


def lookback_parts(lookback: int, segment: int, num_columns: int) -> list[Part]:
    """The lookback cut in its segments; many are joined, and few are cut into steps."""
    unit = segment if lookback // segment >= FEWEST_STRETCHES else 1
    count = min(lookback // unit, MOST_STRETCHES)
    edges = np.linspace(0, lookback // unit, count + 1).round().astype(int) * unit
    return [
        Part(
            f"{first - lookback} to {end - 1 - lookback}"
            if end - first > 1
            else f"{-lookback + first}",
            _columns(0, num_columns),
            first=first,
            end=end,
        )
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def error_rises(
    predict: Predict, batch: Batch, parts: Sequence[Part], repeats: int, seed: int = 0
) -> tuple[float, np.ndarray]:
    """Error of the forecasts, and its rise when a part is exchanged between windows.

    Breiman (2001), in the form of Fisher, Rudin and Dominici (2019): the model stays as it is, and
    a part keeps its values but loses what they have to do with the window.

    Args:
        predict: the model.
        batch: all windows that are used, with their targets.
        parts: what is shuffled, one at a time.
        repeats: orders in which the windows are shuffled, the same for every part.
        seed: of the orders.

    Returns:
        MAE on the model's scale, and its rises (parts, repeats).
    """
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(batch.past), generator=generator) for _ in range(repeats)]
    error = _mean_absolute_error(predict, batch)
    errors = [
        [_mean_absolute_error(predict, shuffled(batch, part, order)) for order in orders]
        for part in parts
    ]
    return error, np.array(errors).reshape(len(parts), repeats) - error


def shuffled(batch: Batch, part: Part, order: Int[Tensor, " B"]) -> Batch:
    """The windows with a part taken from other windows."""
    past = batch.past.clone()
    steps = slice(part.first, part.end)
    past[:, steps, part.past] = batch.past[order][:, steps, part.past]
    return replace(
        batch,
        past=past,
        future=_exchanged(batch.future, part.future, order),
        static=_exchanged(batch.static, part.static, order),
    )


def _exchanged(
    values: Float[Tensor, "B *T C"], columns: tuple[int, ...], order: Int[Tensor, " B"]
) -> Float[Tensor, "B *T C"]:
    exchanged = values.clone()
    exchanged[..., columns] = values[order][..., columns]
    return exchanged


def _columns(first: int, width: int) -> tuple[int, ...]:
    return tuple(range(first, first + width))


def _mean_absolute_error(predict: Predict, batch: Batch) -> float:
    return float((predict(batch) - batch.target).abs().double().nanmean())
