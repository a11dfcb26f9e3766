"""Weights in 8 bits, and what they cost."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from forecast.errors import ConfigError, named
from forecast.evaluate import actuals
from forecast.evaluation.labels import label_terms
from forecast.export.feeds import feed
from forecast.export.session import all_quantiles, session_of
from forecast.forecasting.trained import TrainedModel
from forecast.forecasting.training_table import training_table
from forecast.prepare import Prepared, prepare

if TYPE_CHECKING:
    import onnx

MOST_WINDOWS = 2_000
"""Validation windows on which the cost is measured; of more, evenly spaced ones."""
BATCH = 256
MOST_COST = 0.05
"""Share by which weights in 8 bits may raise the error of a target on the validation part."""


def in_8_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose weights are whole numbers of 8 bits; values stay floating-point numbers."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        folded, path = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
        # What is made of weights alone is made here: computed weights would stay as they are.
        session_of(model.SerializeToString(), folded)
        whole = onnx.load(folded)
        _give_own_weights(whole.graph)
        with _unlogged():
            quantize_dynamic(whole, path, weight_type=QuantType.QInt8)
        small = onnx.load(path)
    put_in_order(small.graph)
    small.graph.ClearField("value_info")  # a third of a file whose partners have many values
    used = [each for each in small.opset_import if each.domain in ("", "com.microsoft")]
    del small.opset_import[:]
    small.opset_import.extend(used)
    del small.metadata_props[:]
    small.metadata_props.extend(model.metadata_props)
    return small


def _give_own_weights(graph: onnx.GraphProto) -> None:
    """Let no two LSTMs share weights: the quantizer would transpose them once for each of the two.

    A network that is run twice has two: over the lookback, and over the steps ahead.
    """
    tensors, taken = {each.name: each for each in graph.initializer}, set[str]()
    for node in graph.node:
        if node.op_type != "LSTM":
            continue
        for place in (1, 2):  # for what comes in, and for the last state
            name = node.input[place]
            if name in taken and name in tensors:
                copy = graph.initializer.add()
                copy.CopyFrom(tensors[name])
                node.input[place] = copy.name = f"{name}_{len(graph.initializer)}"
            taken.add(name)


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """What the quantizer tells the root logger, a page for each tensor of doubles, is not shown."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def put_in_order(graph: onnx.GraphProto) -> None:
    """Put each node behind those that make what it takes, within its loops and branches as well.

    The quantizer orders by a node's own inputs, and may put a loop before what its body takes.
    """
    maker = {name: place for place, node in enumerate(graph.node) for name in node.output}
    takes = {
        place: {maker[name] for name in _taken(node) if name in maker}
        for place, node in enumerate(graph.node)
    }
    nodes = [*graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes[place] for place in TopologicalSorter(takes).static_order())


def _taken(node: onnx.NodeProto) -> Iterator[str]:
    """Names of the values that a node and the nodes within it take."""
    yield from node.input
    for attribute in node.attribute:
        yield from (output.name for output in attribute.g.output)
        for inner in attribute.g.node:
            yield from _taken(inner)


def validation_data(trained: TrainedModel) -> Prepared | str:
    """The training table, prepared as for training, or why that is not possible."""
    config = trained.config
    panel = training_table(trained, config.data)
    if isinstance(panel, str):
        return panel
    prepared = prepare(config, panel, days=trained.pipeline.covariates.days)
    return prepared if len(prepared.windows["validation"]) else "split.validation is 0"


def validation_errors(
    trained: TrainedModel, prepared: Prepared, models: Mapping[str, bytes]
) -> dict[str, dict[str, float]]:
    """Mean error of each target on the validation part, by the names of files.

    Of numbers it is the absolute error, of labels the log loss.

    Args:
        trained: the model.
        prepared: its table.
        models: contents of exported files, by name.
    """
    origins = prepared.windows["validation"].origins()
    origins = origins[:: -(-len(origins) // MOST_WINDOWS)]
    pipeline, horizon = trained.pipeline, trained.config.window.horizon
    are_counts = pipeline.distribution is not None  # which filled ones need not be
    panel = prepared.panel if are_counts else replace(prepared.panel, values=prepared.filled)
    known = actuals(prepared)
    if pipeline.labels:
        known = replace(known, values=pipeline.to_model_scale(prepared.panel, known.values))
    truth = known.after(origins, horizon)  # (B, H, K)
    found = {}
    for name, content in models.items():
        session, parts = session_of(content), []
        for first in range(0, len(origins), BATCH):
            some = feed(trained, panel, origins[first : first + BATCH], trained.rows_kept)
            parts.append(all_quantiles(session, some))
        terms = _label_losses if pipeline.labels else _absolute_errors
        means = np.nanmean(terms(np.concatenate(parts), truth), axis=(0, 1))
        found[name] = dict(zip(pipeline.targets, means.tolist(), strict=True))
    return found


def require_cheap(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Raise a ConfigError if weights in 8 bits cost more than `MOST_COST`.

    Args:
        before, after: mean error of each target on the validation part, as it is and in 8 bits.
    """
    for target, error in before.items():
        if after[target] > (1 + MOST_COST) * error:
            raise ConfigError(
                f"--int8 raises the validation error of {named(target)} from {error:.6g} to"
                f" {after[target]:.6g}, by more than {100 * MOST_COST:g} %; nothing was written;"
                " export without --int8"
            )


def _absolute_errors(
    values: Float[np.ndarray, "B H K Q"], truth: Float[np.ndarray, "B H K"]
) -> Float[np.ndarray, "B H K"]:
    return np.asarray(np.abs(values[..., values.shape[-1] // 2] - truth))


def _label_losses(
    shares: Float[np.ndarray, "B H K Q"], truth: Float[np.ndarray, "B H K"]
) -> Float[np.ndarray, "B H K"]:
    terms = label_terms(truth, shares)
    return np.asarray(np.where(terms["known"] > 0, terms["log_loss"], np.nan))
