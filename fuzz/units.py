"""Promise 6: the unit of a table changes nothing; what never changed is forecast to stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

import forecast
from fuzz.material import Material, random_of

ROWS = 60
UNITS = (1e-6, 1e-3, 0.7, 30.0, 1e6)
SCALING = ("standardize", "min_max", "robust", {"power": {"method": "yeo_johnson"}})
BEFORE = ((), ("difference",), ({"difference": {"lag": 7}},))


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Train on a panel in two units, and compare."""
    random = random_of(6, 1_000_000 + number)
    values = _series(random)
    scaling = SCALING[number % len(SCALING)]
    transforms = [*BEFORE[number // len(SCALING) % len(BEFORE)], scaling]
    unit = float(random.choice(UNITS))
    first, second = (_forecast(values * each, transforms) / each for each in (1.0, unit))
    spread = np.abs(values).max(axis=1)[:, None, None]  # (S, 1, 1)
    if not np.allclose(first / (spread + 1), second / (spread + 1), rtol=1e-4, atol=1e-5):
        return f"{transforms} in units of {unit:g}: {np.abs(first - second).max():g} apart"
    is_constant = np.ptp(values, axis=1) <= 1e-15 * spread[:, 0, 0]
    moved = np.abs(first[is_constant, :, 0] - values[is_constant, -1:])
    return f"{transforms}: a constant moved by {moved.max():g}" if moved.max() > 1e-9 else None


def _series(random: np.random.Generator) -> Float[np.ndarray, "S ROWS"]:
    """Two that vary, one constant, one nearly so, one of zeros, one that changes late."""
    level = 10.0 ** random.uniform(-1, 4, 6)
    waves = level[:2, None] * (3 + np.sin(np.arange(ROWS) / 2) + random.normal(size=(2, ROWS)) / 5)
    constant = np.full(ROWS, level[2])
    nearly = level[3] * (1 + 1e-16 * random.normal(size=ROWS))
    late = np.where(np.arange(ROWS) < 50, level[4], level[4] * random.uniform(1, 2, ROWS))
    return np.stack([*waves, constant, nearly, np.zeros(ROWS), late])


def _forecast(values: Float[np.ndarray, "S N"], transforms: list[object]) -> np.ndarray:
    """(S, H, Q) point forecasts and ends of intervals."""
    count, rows = values.shape
    days = pd.date_range("2024-01-01", periods=rows)
    names = np.repeat([f"s{number}" for number in range(count)], rows)
    frame = pd.DataFrame({"unique_id": names, "ds": np.tile(days, count), "y": values.ravel()})
    config = {
        "data": {"path": "-"},
        "transforms": transforms,
        "split": {"validation": 10, "test": 10},
        "window": {"lookback": 7, "horizon": 3},
        "model": {"hidden_size": 4},
        "training": {"epochs": 2, "ensemble": 1},
        "device": "cpu",
    }
    table = forecast.train(config, frame).forecast()
    return table.select_dtypes("number").to_numpy().reshape(count, 3, -1)
