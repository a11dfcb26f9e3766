"""`forecast export`: the graph of a model as an ONNX file that was run before it is kept."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from forecast.errors import ConfigError, extra_missing
from forecast.export.describe import KEY, description
from forecast.export.graph import ForecastGraph
from forecast.export.probe import probe
from forecast.export.recorded import with_functions
from forecast.export.session import all_quantiles, session_of
from forecast.forecasting.trained import TrainedModel
from forecast.training.workers import workers_for

if TYPE_CHECKING:
    import onnx

OPSET = 20
TOLERANCE = 1e-5
"""Share of its largest forecast by which a window may differ from what `forecast` gives."""
TOLERANCE_OF_8_BITS = 0.5
"""A file beyond this is broken; what 8 bits may cost is decided on the validation part."""
BATCHES = (1, 2, 7)
"""Windows of the runs before a file is kept; none is the number it was traced with."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_packages() -> None:
    """Raise a ConfigError unless all that an export needs is installed."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise extra_missing("forecast export", name, "onnx")


def exported(trained: TrainedModel) -> onnx.ModelProto:
    """A model with its description, to be made into a file by `content_of`.

    Args:
        trained: on the CPU.
    """
    model = _traced(trained)
    _describe(model, trained)
    return model


def content_of(model: onnx.ModelProto, trained: TrainedModel) -> bytes:
    """A file, run and compared with `forecast`.

    Args:
        model: what `exported` gives.
        trained: the model.

    Raises:
        ConfigError: if it forecasts otherwise.
    """
    content = serialised(model)
    require_parity(content, trained)
    return content


def serialised(model: onnx.ModelProto) -> bytes:
    """A file that holds equal tensors once, neither run nor compared."""
    _share_copies(model.graph)
    return bytes(model.SerializeToString())


def require_parity(content: bytes, trained: TrainedModel, tolerance: float = TOLERANCE) -> float:
    """Run a file with other numbers of windows and rows, and compare it with `forecast`.

    Args:
        content: of the file.
        trained: the model.
        tolerance: share of its largest forecast by which a window may differ.

    Returns:
        The largest share by which one differs.

    Raises:
        ConfigError: if it is beyond the tolerance.
    """
    session, most = session_of(content), 0.0
    for count in BATCHES:
        for rows in {trained.least_rows, trained.rows_kept, trained.rows_kept + 3}:
            made = probe(trained, count, rows)
            found, wanted = all_quantiles(session, made.inputs), made.forecasts(trained)
            size = np.abs(wanted).max(axis=(1, 3), keepdims=True)
            off = np.abs(found - wanted) / np.where(size > 0, size, 1.0)
            most = float(np.maximum(most, off.max()))  # NaN stays
    if not most <= tolerance:  # NaN is none either
        raise ConfigError(
            f"the exported model forecasts otherwise than the run, by {most:.1e} of its values (at"
            f" most {tolerance:.0e} is allowed); nothing was written; tell its maintainers"
        )
    return most


def _traced(trained: TrainedModel) -> onnx.ModelProto:
    made = probe(trained, 3, trained.rows_kept + 2)
    inputs = {name: torch.from_numpy(array) for name, array in made.inputs.items()}
    graph = ForecastGraph(trained).eval()
    names = ["forecast"]
    if trained.pipeline.labels:
        names.append("probabilities")
    elif len(trained.quantiles()) > 1:
        names.append("quantiles")
    with _quietly(), torch.no_grad(), workers_for(torch.device("cpu")):
        program = torch.onnx.export(
            graph,
            kwargs=inputs,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes={name: dict(AXES[name]) for name in inputs},
            output_names=names,
            verbose=False,
        )
    assert program is not None
    return with_functions(program.model_proto, graph)


AXES = {
    "history": {0: "windows", 1: "rows"},
    "history_time": {0: "windows", 1: "rows"},
    "future": {0: "windows"},
    "future_time": {0: "windows"},
    "static": {0: "windows"},
    "series": {0: "windows"},
}
"""Axes of any length, by input."""


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What torch logs and warns of while it traces says nothing to users."""
    talkers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    levels = [each.level for each in talkers]
    try:
        for each in talkers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for each, level in zip(talkers, levels, strict=True):
            each.setLevel(level)


def _describe(model: onnx.ModelProto, trained: TrainedModel) -> None:
    """Put in the description, and leave out what the tracer says of its own code."""
    import onnx

    told = description(trained)
    onnx.helper.set_model_props(model, {KEY: json.dumps(told, ensure_ascii=False)})
    model.producer_name, model.producer_version = "forecast", told["version"]
    model.graph.name = model.graph.doc_string = ""
    model.doc_string = told["reads"]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]


def _share_copies(graph: onnx.GraphProto) -> None:
    """Keep one of several equal tensors: a network that is run twice has its weights twice."""
    kept: dict[bytes, str] = {}
    names: dict[str, str] = {}
    for tensor in [*graph.initializer]:
        content = _content(tensor)
        names[tensor.name] = kept.setdefault(content, tensor.name)
        if names[tensor.name] != tensor.name:
            graph.initializer.remove(tensor)
    _rename(graph, names)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give what nodes take other names, within loops and branches as well."""
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            _rename(attribute.g, names)


def _content(tensor: onnx.TensorProto) -> bytes:
    """A tensor without its name."""
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    copy.name = ""
    return bytes(copy.SerializeToString(deterministic=True))
