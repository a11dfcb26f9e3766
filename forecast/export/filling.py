"""Missing values filled within a graph, as `fill` of the data does it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def filled(values: Float[Tensor, "B R C"], has_lines: bool) -> Float[Tensor, "B R C"]:
    """Missing values from those before them; what lies before the first known one stays NaN.

    Args:
        values: NaN where nothing is known.
        has_lines: whether gaps are bridged by straight lines; otherwise, and after the last known
            value, that is held.
    """
    known, rows = ~values.isnan(), values.shape[1]
    # The n-th known value of a column goes into slot n; slot 0 stays NaN, and the last slot takes
    # all that is unknown. The last known value of a row is that of the slot of its count.
    count = known.long().cumsum(dim=1)
    slots = torch.where(known, count, rows + 1)
    before = _in_slots(values, slots).gather(1, count)
    if not has_lines:
        return before
    place = torch.arange(rows).to(values.dtype)[None, :, None].expand_as(values)
    places = _in_slots(place, slots)
    left, right = places.gather(1, count), places.gather(1, count + 1)
    after = _in_slots(values, slots).gather(1, count + 1)
    line = before + (place - left) / (right - left) * (after - before)
    is_inside = ~known & (count > 0) & (count < count[:, -1:])
    return torch.where(is_inside, line, before)


def _in_slots(
    values: Float[Tensor, "B R C"], slots: Int[Tensor, "B R C"]
) -> Float[Tensor, "B T C"]:
    """Values put where the slots say, with one slot more before them and one behind."""
    empty = torch.full_like(torch.cat([values[:, :1], values, values[:, :1]], dim=1), torch.nan)
    return empty.scatter(1, slots, values)


def first_usable(inputs: Float[Tensor, "B L C"]) -> Int[Tensor, "B 1"]:
    """The first row without NaN; of none the last one."""
    steps = torch.arange(inputs.shape[1])
    is_usable = ~inputs.isnan().any(dim=2)
    return torch.where(is_usable, steps, inputs.shape[1] - 1).amin(dim=1, keepdim=True)


def from_first_usable(inputs: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
    """The first row without NaN put in place of all that a window lacks before it."""
    rows = torch.maximum(torch.arange(inputs.shape[1]), first_usable(inputs))  # (B, L)
    return inputs.gather(1, rows[..., None].expand_as(inputs))


def nothing_before_usable(inputs: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
    """NaN before the first row without NaN: what a network reads that is told of histories."""
    is_before = torch.arange(inputs.shape[1]) < first_usable(inputs)  # (B, L)
    return torch.where(is_before[..., None], torch.nan, inputs)
