"""Promise 8: a well-signed hostile model file is refused, or what it forecasts is sound."""

from __future__ import annotations

import copy
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from forecast.errors import ForecastError
from forecast.forecasting.model_file import load
from forecast.forecasting.predict import interval_columns
from forecast.forecasting.trained import TrainedModel
from forecast.runs.checkpoint import load_checkpoint
from forecast.runs.folder import MODEL_FILE
from fuzz.material import TABLES, Material, random_of
from fuzz.mutations import Random, pick, signed, unsigned

MOST_SECONDS, MOST_MEGABYTES = 5.0, 300
"""That reading and refusing a small file may take, of processor time and beyond what was there."""
FLOATS = (0.0, -1.0, 1e-320, 1e-38, 1e30, 1e38, 1e300, -1e300, np.nan, np.inf, -np.inf)
INTEGERS = (0, 1, -1, 7, 1000, 10**8, 2**31 - 1, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63))
BEYOND = (2**63, 10**20, -(10**20), 1e308, True, None, "", "1", float("nan"), float("inf"))
"""Of JSON alone."""
Content = dict[str, Any]
Tensors = dict[str, torch.Tensor]
Change = Callable[[Random, Tensors, Content], str]


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Let one changed model be loaded and forecast; gives what went wrong."""
    random = random_of(13, number)
    table = pick(random, TABLES)
    path = scratch / MODEL_FILE
    told = write_hostile(random, material.run(table) / MODEL_FILE, path)
    before, began = _peak(), time.process_time()
    try:
        fault = _unsound(load(path))
    except ForecastError as error:
        fault = None if str(error).count("\n") == 0 and len(str(error)) < 1000 else "a long line"
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    if fault is None and time.process_time() - began > MOST_SECONDS:
        fault = f"took {time.process_time() - began:.0f} s"
    if fault is None and _peak() - before > MOST_MEGABYTES:
        fault = f"took {_peak() - before:.0f} MB"
    return fault and f"{table}: {told}: {fault}"


def write_hostile(random: Random, model: Path, path: Path) -> str:
    """Write a model file with one to three numbers changed, and the right digest.

    Args:
        random: what decides.
        model, path: the file to start from, and the one to write.

    Returns:
        What was changed.
    """
    tensors, content = load_checkpoint(model, "model")
    content = copy.deepcopy(content)
    changes = [pick(random, CHANGES) for _ in range(int(random.integers(1, 4)))]
    told = [change(random, tensors, content) for change in changes]
    header, _ = unsigned(model.read_bytes())
    plain, body = unsigned(safetensors.torch.save(tensors))
    text = json.dumps(content, allow_nan=True)
    metadata = {**header["__metadata__"], "content": text}
    path.write_bytes(signed({**plain, "__metadata__": metadata}, body))
    return "; ".join(told)


def _unsound(trained: TrainedModel) -> str | None:
    """What is wrong with a forecast: infinite, intervals that cross, times that do not rise."""
    table = trained.forecast()
    pairs = interval_columns(trained.quantiles())
    numbers = table[["forecast", *pairs]].to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        return "not finite"
    in_order = [name for name, _ in sorted({**pairs, "forecast": len(pairs) / 2}.items(), key=_at)]
    if not (np.diff(table[in_order].to_numpy(dtype=np.float64), axis=1) >= 0).all():
        return "intervals cross"
    times = table[trained.config.data.time]
    keys = [table[name] for name in trained.config.data.ids] if trained.tail.has_ids else []
    rises = times.groupby([*keys, table["target"]], sort=False).is_monotonic_increasing
    return None if rises.all() else "times do not rise"


def _at(pair: tuple[str, float]) -> float:
    return pair[1]


def _peak() -> float:
    """Most memory that the process ever took, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _one_value(random: Random, tensors: Tensors, _: Content) -> str:
    """A number of a tensor, one place or all of them."""
    name = pick(random, sorted(name for name in tensors if tensors[name].numel()))
    tensor = tensors[name].clone()
    is_float = tensor.is_floating_point()
    value: float = pick(random, FLOATS if is_float else INTEGERS)
    number = torch.tensor(value, dtype=torch.float64 if is_float else torch.int64).to(tensor.dtype)
    if random.random() < 0.5:
        tensor.reshape(-1)[int(random.integers(tensor.numel()))] = number
    else:
        tensor.copy_(number)
    tensors[name] = tensor
    return f"{name} {value}"


def _factor(random: Random, tensors: Tensors, _: Content) -> str:
    """A tensor times a number."""
    name = pick(random, sorted(n for n, t in tensors.items() if t.is_floating_point()))
    factor = pick(random, (-1.0, 0.0, 1e6, 1e30, 1e300, 1e-30))
    tensors[name] = tensors[name] * factor
    return f"{name} times {factor}"


def _shape(random: Random, tensors: Tensors, _: Content) -> str:
    """Another shape or kind of numbers."""
    name = pick(random, sorted(tensors))
    tensor = tensors[name]
    changed = {
        "doubled": lambda: torch.cat([tensor, tensor]) if tensor.dim() else tensor[None],
        "empty": lambda: tensor[:0] if tensor.dim() else tensor[None],
        "flat": lambda: tensor.reshape(-1),
        "another kind": lambda: tensor.to(
            pick(random, (torch.float16, torch.float64, torch.int64, torch.bool, torch.uint8))
        ),
        "one more axis": lambda: tensor[None],
    }
    how = pick(random, sorted(changed))
    tensors[name] = changed[how]().contiguous()
    return f"{name} {how}"


def _one_number(random: Random, _: Tensors, content: Content) -> str:
    """A number of the content."""
    leaves = [*_leaves(content, ())]
    node, key, place = pick(random, leaves)
    value = pick(random, (*FLOATS, *INTEGERS, *BEYOND))
    node[key] = value
    return f"{place} {value}"


def _one_size(random: Random, _: Tensors, content: Content) -> str:
    """A size of the configuration, as large as it may be or a little beside."""
    section = content["config"][pick(random, ("model", "window", "training", "data"))]
    sizes = sorted(
        name for name, value in section.items() if type(value) is int or name in SIZES_OFTEN_OPEN
    )
    name = pick(random, sizes)
    value = pick(random, (1, 2, 5, 100, 10_000, 10**6, 10**8, 2**31 - 1))
    section[name] = value
    return f"{name} {value}"


SIZES_OFTEN_OPEN = ("least_history", "embedding_size")
CHANGES: tuple[Change, ...] = (_one_value, _one_value, _factor, _shape, _one_number, _one_size)


def _leaves(node: Any, above: tuple[str, ...]) -> Iterator[tuple[Any, Any, str]]:
    """Every number of a tree: where it stands, its key, and the way to it."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in [*items]:
        if isinstance(value, dict | list):
            yield from _leaves(value, (*above, str(key)))
        elif isinstance(value, int | float):
            yield node, key, ".".join((*above, str(key)))
