"""The partners by name: what something new is added to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Int

from forecast.evaluation.baselines import Forecast, History
from forecast.partners.ets import ets
from forecast.partners.pretrained import pretrained
from forecast.partners.theta import theta

Partner = Callable[[History, Int[np.ndarray, " B"], int], Forecast]
"""(history, last known row of each window, steps) -> forecast; each target alone."""

PARTNERS: Mapping[str, Partner] = {"theta": theta, "ets": ets, "pretrained": pretrained}
