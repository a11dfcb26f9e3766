"""`forecast check`: reads everything, trains nothing, and says what a training would meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from forecast.config.tree import Config
from forecast.data.assemble import read_panel
from forecast.data.checks import findings
from forecast.data.panel import Panel, offsets_of
from forecast.data.split import PARTS
from forecast.data.transforms import difference_orders
from forecast.data.windows import Windows
from forecast.errors import ForecastError
from forecast.estimate import PROBE_RATE, measured, range_test_steps
from forecast.partners.weights import FEWEST_STRETCHES
from forecast.prepare import Prepared, new_learner, prepare, stretches
from forecast.runs.host import num_threads
from forecast.training.device import choose_device, on_device_if_it_fits
from forecast.training.learner import Learner
from forecast.training.loop import batches_per_epoch
from forecast.training.sampling import in_order
from forecast.training.step import chunks_of, set_gradient


def inspect(config: Config) -> dict[str, Any]:
    """Everything that `forecast check` prints, for people and as JSON.

    Args:
        config: what would be trained.

    Returns:
        `data` and `findings` of the table, then what a training would be made of; or `problem`
        and `exit_code` in place of what cannot be told.
    """
    try:
        panel = read_panel(config.data)
    except ForecastError as error:
        return {"findings": [], "problem": str(error), "exit_code": error.exit_code}
    result = described(panel)
    try:
        return result | _training(prepare(config, panel))
    except ForecastError as error:
        return result | {"problem": str(error), "exit_code": error.exit_code}


def described(panel: Panel) -> dict[str, Any]:
    """What a table holds, as `data`, and what is odd in it, as `findings`."""
    return {
        "data": _extent(panel),
        "findings": [{"kind": f.kind, "message": f.message} for f in findings(panel)],
    }


def _training(prepared: Prepared) -> dict[str, Any]:
    """What a training would be made of, and what it would take; of the pretrained network no sizes
    and differences are a matter of choice."""
    is_own = prepared.config.model.start == "random"
    return {
        "season": prepared.season,
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "difference_orders": _difference_orders(prepared) if is_own else [],
        "hidden_units": hidden_unit_rules(prepared) if is_own else None,
        **_costs(prepared),
    }


def hidden_unit_rules(prepared: Prepared) -> dict[str, Any]:
    """Rules of thumb for the number of hidden units, and what is configured.

    With `input` numbers in and `output` numbers out of a window: between output and input; two
    thirds of input plus output; sqrt(input * output); and below samples / (a * (input + output))
    with a from 2 to 10, so that weights stay fewer than samples.

    Args:
        prepared: the data with their windows.

    Returns:
        `configured`, `input`, `output`, and a number or a pair of numbers for each rule.
    """
    window, pipeline = prepared.config.window, prepared.pipeline
    targets, width = len(pipeline.targets), pipeline.labels.width if pipeline.labels else 1
    inputs = window.lookback * (pipeline.num_columns + targets * (width - 1))
    inputs += (window.lookback + window.horizon) * len(window.lags) * targets * width
    outputs = window.horizon * targets * width
    samples = len(prepared.windows["train"])
    size = prepared.config.model.hidden_size
    return {
        "configured": list(size) if isinstance(size, tuple) else size,
        "input": inputs,
        "output": outputs,
        "between": sorted((inputs, outputs)),
        "two_thirds": round(2 / 3 * inputs + outputs),
        "geometric_mean": round(float(np.sqrt(inputs * outputs))),
        "samples_bound": [round(samples / (a * (inputs + outputs)), 1) for a in (10, 2)],
    }


def _extent(panel: Panel) -> dict[str, Any]:
    """Size, times and columns of a table."""
    edges = panel.starts.min(), (panel.starts + panel.lengths).max() - 1
    first, last = (panel.axis.text(int(position)) for position in edges)
    in_table = int(panel.in_table.sum())
    return {
        "source": panel.source,
        "rows": in_table,
        "series": panel.num_series,
        "shortest": int(panel.lengths.min()),
        "longest": int(panel.lengths.max()),
        "first": first,
        "last": last,
        "frequency": panel.axis.frequency,
        "timezone": panel.axis.timezone,
        "columns": [*panel.columns, *panel.static_columns],
    }


def _difference_orders(prepared: Prepared) -> list[dict[str, int]]:
    """Differences that tests of the training rows ask for; labels have none."""
    if prepared.pipeline.labels:
        return []
    train = prepared.split.train
    offsets = offsets_of(train[:, 1] - train[:, 0])
    values = prepared.filled_targets[prepared.split.train_rows()]
    orders = difference_orders(values, offsets, prepared.season)
    return [{"lag": lag, "order": order} for lag, order in orders]


def _costs(prepared: Prepared) -> dict[str, Any]:
    """Parameters, and what memory and time a training would take, from a few steps on a copy.

    `kept_below` is the number of validation rows below which weights that are good already are
    kept, because so few cannot judge trained ones; None where they are trained.
    """
    device = choose_device(prepared.config.device)
    learner = new_learner(prepared, device, PROBE_RATE, prepared.config.seed)
    is_kept = learner.is_trained and stretches(prepared, "validation") < FEWEST_STRETCHES
    if is_kept:  # after the first epoch
        once = prepared.config.updated("training", epochs=1, refit=False)
        prepared = replace(prepared, config=once)
    training = prepared.config.training
    windows = on_device_if_it_fits(prepared.windows, device)["train"]
    cost = measured(prepared, device)
    return {
        "device": str(device),
        "parameters": learner.model.num_parameters,
        "epochs": training.epochs,
        "ensemble": training.members,
        "steps_per_epoch": batches_per_epoch(len(windows), training),
        "range_test_steps": range_test_steps(training),
        "memory_mb": _memory(prepared, learner, windows) / 2**20,
        "max_minutes": training.max_minutes,
        "refit": training.refit,
        "training_seconds": cost.training(training, len(windows)),
        "seconds": cost.whole(training, len(windows)),
        "kept_below": FEWEST_STRETCHES * prepared.config.window.horizon if is_kept else None,
    }


def _memory(prepared: Prepared, learner: Learner, windows: Windows) -> int:
    """Bytes: gradients and two moments; the table thrice; what chunks keep for their gradient.

    The last is measured on one chunk of a batch: autograd hands every tensor that it saves for the
    backward pass to a hook, which counts each storage once.
    """
    kept: dict[int, int] = {}  # address of a storage -> its bytes

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    chunks = [*chunks_of(learner, windows, next(in_order(windows, learner.config.batch_size)))]
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        set_gradient(learner, chunks[:1])
    at_once = min(len(chunks), num_threads())
    weights = sum(p.numel() * p.element_size() for p in learner.model.parameters())
    table = prepared.panel.values.size * (8 + 8 + 4)  # raw and filled in float64, and the input
    return 3 * weights + table + at_once * sum(kept.values())
