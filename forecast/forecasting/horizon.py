"""How many steps may be asked for."""

from __future__ import annotations

import numpy as np

from forecast.errors import ConfigError, shown

MOST_ROUNDS = 100
"""Trained horizons that a forecast is rolled on for at most: its errors feed on themselves."""


def steps_asked(horizon: object, trained: int) -> int:
    """A horizon that is asked for, as a whole number.

    Args:
        horizon: steps.
        trained: steps that the model was trained for.

    Raises:
        ConfigError: for what is no whole number, below 1, or too far away.
    """
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer):
        raise ConfigError(f"horizon {shown(horizon)} is not allowed; give a whole number of steps")
    steps = int(horizon)
    if steps < 1:
        raise ConfigError(f"horizon {steps} is not allowed; ask for 1 step or more")
    if steps > MOST_ROUNDS * trained:
        raise ConfigError(
            f"horizon {shown(steps)} is more than {MOST_ROUNDS} times the trained {trained}; ask"
            f" for {MOST_ROUNDS * trained} steps or fewer"
        )
    return steps
