"""The partners by name; a new one is added here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import Int

from forecast.evaluation.baselines import Forecast, History
from forecast.partners import histories, pretrained
from forecast.partners.ets import ets
from forecast.partners.theta import theta

Partner = Callable[[History, Int[np.ndarray, " B"], int], Forecast]
"""(history, last known row of each window, steps) -> forecast; each target alone."""

PARTNERS: Mapping[str, Partner] = {"theta": theta, "ets": ets, "pretrained": pretrained.pretrained}


def rows_read(names: Iterable[str], season: int) -> int:
    """Most rows of a history that one of some partners reads; 0 without any."""
    own = {"pretrained": pretrained.rows_read}
    return max((own.get(name, histories.rows_read)(season) for name in names), default=0)
