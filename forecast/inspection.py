"""`forecast check`: reads everything, trains nothing, and says what a training would meet."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from forecast.config import Config
from forecast.data.checks import findings
from forecast.data.panel import Panel, read_panel
from forecast.data.split import PARTS
from forecast.data.transforms import difference_orders
from forecast.errors import ForecastError
from forecast.preparation import Prepared, new_learner, prepare
from forecast.training.device import choose_device
from forecast.training.loop import batch_loss, batch_order, batches_per_epoch, take_step

TIMED_STEPS = 5
PROBE_RATE = 1e-6


def inspect(config: Config) -> dict[str, Any]:
    """Everything that `forecast check` prints, for people and as JSON.

    Raises:
        DataError: if the table cannot be read at all.
    """
    panel = read_panel(config.data)
    result: dict[str, Any] = {
        "data": _described(panel),
        "findings": [{"kind": f.kind, "message": f.message} for f in findings(panel)],
    }
    try:
        prepared = prepare(config)
    except ForecastError as error:
        return result | {"problem": str(error), "exit_code": error.exit_code}
    return result | {
        "season": prepared.season,
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "difference_orders": _difference_orders(prepared),
        "hidden_units": hidden_unit_rules(prepared),
        **_costs(prepared),
    }


def hidden_unit_rules(prepared: Prepared) -> dict[str, Any]:
    """Rules of thumb for the number of hidden units, and what is configured.

    With `input` numbers in and `output` numbers out of a window: between output and input; two
    thirds of input plus output; sqrt(input * output); and below samples / (a * (input + output))
    with a from 2 to 10, so that weights stay fewer than samples.
    """
    window, pipeline = prepared.config.window, prepared.pipeline
    inputs = window.lookback * pipeline.num_columns
    outputs = window.horizon * len(pipeline.targets)
    samples = len(prepared.windows["train"])
    return {
        "configured": prepared.config.model.hidden_size,
        "input": inputs,
        "output": outputs,
        "between": sorted((inputs, outputs)),
        "two_thirds": round(2 / 3 * inputs + outputs),
        "geometric_mean": round(float(np.sqrt(inputs * outputs))),
        "samples_bound": [round(samples / (a * (inputs + outputs)), 1) for a in (10, 2)],
    }


def report(result: dict[str, Any]) -> str:
    """The result of `inspect` for people."""
    data = result["data"]
    lines = [
        f"data        {data['source']}: {data['rows']} rows, {data['series']} series of"
        f" {data['shortest']} to {data['longest']} rows",
        f"time        {data['first']} to {data['last']}, frequency {data['frequency']}"
        + (f", {data['timezone']}" if data["timezone"] else ""),
        f"columns     {', '.join(data['columns'])}",
    ]
    lines += [f"{found['kind']:12}{found['message']}" for found in result["findings"]]
    if not result["findings"]:
        lines.append("findings    none: no gaps, empty cells, constant columns or outliers")
    if "problem" in result:
        return "\n".join([*lines, f"problem     {result['problem']}"])
    windows = ", ".join(f"{count} {name}" for name, count in result["windows"].items())
    orders = ", ".join(f"{o['order']} x lag {o['lag']}" for o in result["difference_orders"])
    rules = result["hidden_units"]
    low, high = rules["samples_bound"]
    return "\n".join(
        [
            *lines,
            f"windows     {windows}; season {result['season']} rows",
            f"differences {orders or 'none'} suggested (unit-root and seasonal-strength tests)",
            f"hidden      {rules['configured']} configured; rules of thumb: between"
            f" {rules['between'][0]} and {rules['between'][1]}; 2/3 input + output"
            f" {rules['two_thirds']}; sqrt(input * output) {rules['geometric_mean']}; below"
            f" {low:g} (a = 10) to {high:g} (a = 2) by samples",
            f"parameters  {result['parameters']:,}",
            f"memory      about {result['memory_mb']:.0f} MB beyond the libraries",
            f"time        about {_duration(result['seconds'])} for all"
            f" {result['epochs']} epochs ({result['steps_per_epoch']} steps each) on"
            f" {result['device']}",
        ]
    )


def _described(panel: Panel) -> dict[str, Any]:
    edges = np.array([panel.starts.min(), (panel.starts + panel.lengths).max() - 1])
    first, last = (str(time) for time in panel.axis.column(edges))
    in_table = len(panel.values) if panel.lines is None else int((panel.lines >= 0).sum())
    return {
        "source": panel.source,
        "rows": in_table,
        "series": panel.num_series,
        "shortest": int(panel.lengths.min()),
        "longest": int(panel.lengths.max()),
        "first": first.removesuffix(" 00:00:00"),
        "last": last.removesuffix(" 00:00:00"),
        "frequency": panel.axis.frequency,
        "timezone": panel.axis.timezone,
        "columns": [*panel.columns, *panel.static_columns],
    }


def _difference_orders(prepared: Prepared) -> list[dict[str, int]]:
    train = prepared.split.train
    rows = np.concatenate([np.arange(first, end) for first, end in train])
    offsets = np.concatenate([[0], np.cumsum(train[:, 1] - train[:, 0])])
    values = prepared.filled_targets()[rows]
    orders = difference_orders(values, offsets, prepared.season)
    return [{"lag": lag, "order": order} for lag, order in orders]


def _costs(prepared: Prepared) -> dict[str, Any]:
    """Parameters, and what memory and time a training would take, from a few steps on a copy."""
    config = prepared.config
    device = choose_device(config.device)
    learner = new_learner(prepared, device, PROBE_RATE, config.seed)
    windows = prepared.windows["train"].to(device)
    seconds = []
    for index in batch_order(windows, config.training.batch_size)[: TIMED_STEPS + 1]:
        began = time.perf_counter()
        batch_loss(learner, windows.gather(index)).backward()
        take_step(learner, PROBE_RATE)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    parameters = sum(p.numel() for p in learner.model.parameters())
    steps = batches_per_epoch(len(windows), config.training)
    epochs, members = config.training.epochs, config.training.ensemble
    return {
        "device": str(device),
        "parameters": parameters,
        "epochs": epochs,
        "steps_per_epoch": steps,
        "memory_mb": _memory(prepared, parameters) / 2**20,
        "seconds": float(np.median(seconds[1:] or seconds)) * steps * epochs * members,
    }


def _memory(prepared: Prepared, parameters: int) -> float:
    """Bytes: weights, gradients and two moments; the table twice; a batch's activations."""
    config = prepared.config
    size = config.model.hidden_size
    widths = size if isinstance(size, tuple) else (size,) * config.model.num_layers
    units = sum(width for width in widths if isinstance(width, int))
    channels = len(prepared.pipeline.targets) if config.model.channels == "independent" else 1
    steps = config.window.lookback // config.model.segment
    activations = 8 * config.training.batch_size * channels * steps * units
    table = prepared.panel.values.size * (8 + 8 + 4)
    return 4 * (4 * parameters + activations) + table


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
