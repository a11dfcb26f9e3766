"""One combination of cell, head, normalisation, loss and skip, with windows to try it on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forecast.config.losses import LossOption
from forecast.config.model import ModelConfig
from forecast.config.training import TrainingConfig
from forecast.data.windows import Batch, Windows
from forecast.models.forecaster import Forecaster, Model, WindowShape
from forecast.training.learner import Learner, build_learner
from forecast.training.losses import quantiles_of
from forecast.training.seeds import seeded

CPU = torch.device("cpu")
LOOKBACK, HORIZON, TARGETS = 8, 4, 2
ROWS = 20
"""Of each of two series."""
MASKED = 0.1
"""Share of the targets that are not known."""


@dataclass(frozen=True)
class Case:
    """What a rule is held against: two targets, and a covariate of every kind."""

    config: ModelConfig
    loss: LossOption
    folder: Path
    """For the files of a rule."""

    @property
    def shape(self) -> WindowShape:
        """Sizes of the windows."""
        levels = len(quantiles_of(self.loss))
        return WindowShape(LOOKBACK, HORIZON, TARGETS, 1, 1, 1, num_quantiles=levels)

    def model(self, seed: int = 0) -> Forecaster:
        """A float64 model that forecasts; none of its weights is zero, as if it were trained."""
        with seeded(seed):
            model = Forecaster(self.config, self.shape).double().eval()
            for weight in model.parameters():
                weight.data += 0.1 * torch.randn(weight.shape, dtype=weight.dtype)
        return model

    def learner(self, model: Forecaster, seed: int = 0, **training: Any) -> Learner:
        """What trains a model for two epochs, or as `training` has it."""
        options = {"epochs": 2, "batch_size": 7, "early_stopping": None, **training}
        return build_learner(model, TrainingConfig(loss=self.loss, **options), 0.01, seed)

    def fresh(self, seed: int = 0, **training: Any) -> Learner:
        """A learner of a new float32 model."""
        with seeded(seed):
            model = Forecaster(self.config, self.shape)
        return self.learner(model, seed, **training)


def windows(seed: int = 0, scale: float = 1.0) -> Windows:
    """Windows of two random series; some targets are masked."""
    generator = torch.Generator().manual_seed(seed)
    inputs = scale * torch.randn(2 * ROWS, TARGETS + 2, generator=generator)
    masked = torch.rand(2 * ROWS, TARGETS, generator=generator) < MASKED
    starts = torch.arange(ROWS - LOOKBACK - HORIZON + 1)
    return Windows(
        inputs=inputs,
        targets=inputs[:, :TARGETS].masked_fill(masked, torch.nan),
        static=torch.randn(2, 1, generator=generator),
        first_rows=torch.tensor([0, ROWS]),
        starts=torch.cat([starts, starts + ROWS]),
        lookback=LOOKBACK,
        horizon=HORIZON,
        num_future=1,
    )


def batch(seed: int = 0, scale: float = 1.0) -> Batch:
    """Five windows in float64."""
    return windows(seed, scale).gather(torch.tensor([0, 3, 8, 11, 17])).changed(torch.Tensor.double)


def with_values(windows_of: Batch, values: Tensor) -> Batch:
    """A batch with other values of the targets (B, L, K) in its lookback."""
    return replace(windows_of, past=torch.cat([values, windows_of.past[..., TARGETS:]], dim=2))


def values_of(windows_of: Batch) -> Tensor:
    """(B, L, K) the targets in the lookback of a batch."""
    return windows_of.past[..., :TARGETS]


def forecast(model: Model, windows_of: Batch, targets: Tensor | None = None) -> Tensor:
    """(B, H, K, Q) without gradients."""
    with torch.no_grad():
        result: Tensor = model(windows_of.past, windows_of.future, windows_of.static, targets)
    return result


def copied(model: Model) -> dict[str, Tensor]:
    """The weights as they are now."""
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)
