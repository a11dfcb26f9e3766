"""Weights in 8 bits, and what they cost."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.assemble import read_panel
from forecast.errors import ForecastError
from forecast.evaluate import actuals
from forecast.export.feeds import feed
from forecast.export.session import all_quantiles, session_of
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared, data_digest, prepare

if TYPE_CHECKING:
    import onnx

MOST_WINDOWS = 2_000
"""Validation windows on which the cost is measured; of more, evenly spaced ones."""
BATCH = 256


def in_8_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose weights are whole numbers of 8 bits; values stay floating-point numbers."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        folded, path = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
        # What is made of weights alone is made here: computed weights would stay as they are.
        session_of(model.SerializeToString(), folded)
        quantize_dynamic(folded, path, weight_type=QuantType.QInt8)
        small = onnx.load(path)
    used = [each for each in small.opset_import if each.domain in ("", "com.microsoft")]
    del small.opset_import[:]
    small.opset_import.extend(used)
    del small.metadata_props[:]
    small.metadata_props.extend(model.metadata_props)
    return small


def validation_data(trained: TrainedModel) -> Prepared | str:
    """The training table, prepared as for training, or why that is not possible."""
    config = trained.config
    try:
        panel = read_panel(config.data)
    except ForecastError as error:
        return str(error)
    days = trained.pipeline.covariates.days
    if data_digest(panel, days) != trained.digest:
        return f"{config.data.path} has changed since the run was trained"
    prepared = prepare(config, panel, days=days)
    return prepared if len(prepared.windows["validation"]) else "split.validation is 0"


def validation_errors(
    trained: TrainedModel, prepared: Prepared, models: Mapping[str, bytes]
) -> dict[str, dict[str, float]]:
    """Mean absolute error of each target on the validation part, by the names of files.

    Args:
        trained: the model.
        prepared: its table.
        models: contents of exported files, by name.
    """
    origins = prepared.windows["validation"].origins()
    origins = origins[:: -(-len(origins) // MOST_WINDOWS)]
    horizon = trained.config.window.horizon
    are_counts = trained.pipeline.distribution is not None  # which filled ones need not be
    panel = prepared.panel if are_counts else replace(prepared.panel, values=prepared.filled)
    truth = actuals(prepared).after(origins, horizon)  # (B, H, K)
    found = {}
    for name, content in models.items():
        session, parts = session_of(content), []
        for first in range(0, len(origins), BATCH):
            some = feed(trained, panel, origins[first : first + BATCH], trained.rows_kept)
            values = all_quantiles(session, some)
            parts.append(values[..., values.shape[-1] // 2])
        errors = np.abs(np.concatenate(parts) - truth)
        means = np.nanmean(errors, axis=(0, 1))
        found[name] = dict(zip(trained.pipeline.targets, means.tolist(), strict=True))
    return found
