"""An exported file, run by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from forecast.export.feeds import Feed

if TYPE_CHECKING:
    import onnxruntime


def session_of(content: bytes) -> onnxruntime.InferenceSession:
    """A session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def all_quantiles(
    session: onnxruntime.InferenceSession, inputs: Feed
) -> Float[np.ndarray, "B H K Q"]:
    """All quantiles that a session gives, or the forecasts alone."""
    outputs = session.run(None, inputs)
    return np.asarray(outputs[1] if len(outputs) > 1 else outputs[0][..., None])
