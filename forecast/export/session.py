"""An exported file, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from forecast.export.feeds import Feed

if TYPE_CHECKING:
    import onnxruntime


def session_of(content: bytes, folded: Path | None = None) -> onnxruntime.InferenceSession:
    """A session on the CPU.

    Args:
        content: of the file.
        folded: where to write the same file with its constants worked out; None: nowhere.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    if folded is not None:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def all_quantiles(
    session: onnxruntime.InferenceSession, inputs: Feed
) -> Float[np.ndarray, "B H K Q"]:
    """All quantiles that a session gives, or the forecasts alone."""
    outputs = session.run(None, inputs)
    return np.asarray(outputs[1] if len(outputs) > 1 else outputs[0][..., None])
