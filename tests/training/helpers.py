"""Windows and learners for the tests of training."""

import numpy as np
import pytest
import torch

from forecast.config.model import ModelConfig
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.errors import DeviceError
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training.device import require_precision
from forecast.training.learner import Learner, build_learner
from forecast.training.losses import quantiles_of


def windows_over(values, lookback, horizon, targets=None, first_rows=(0,), weights=None) -> Windows:
    """All windows over some rows (N, K); series begin at these rows."""
    return Windows(
        inputs=values,
        targets=values if targets is None else targets,
        static=torch.zeros(len(first_rows), 0),
        first_rows=torch.as_tensor(first_rows),
        starts=torch.arange(len(values) - lookback - horizon + 1),
        lookback=lookback,
        horizon=horizon,
        num_future=0,
        weights=weights,
    )


def skip_without(precision, device="cpu") -> None:
    """Skip the test on a processor that does not compute in a precision."""
    try:
        require_precision(torch.device(device), precision)
    except DeviceError as error:
        pytest.skip(str(error))


def seeded_learner(
    config: TrainingConfig, lookback, horizon, targets=1, rate=0.01, seed=0, device="cpu", **model
) -> Learner:
    """A learner whose first weights follow from the seed; the global generator is left alone."""
    skip_without(config.precision, device)
    levels = len(quantiles_of(config.loss))
    shape = WindowShape(lookback, horizon, targets, num_quantiles=levels)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Forecaster(ModelConfig(**{"hidden_size": 4, "num_layers": 2, **model}), shape)
    return build_learner(network.to(device), config, rate, seed)


def gathered(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The window numbers of every batch that is gathered from now on."""
    seen: list[torch.Tensor] = []
    gather = Windows.gather

    def spy(windows: Windows, index: torch.Tensor):
        seen.append(index.clone())
        return gather(windows, index)

    monkeypatch.setattr(Windows, "gather", spy)
    return seen


def debiased_average(losses, smoothing: float) -> list[float]:
    """Every past loss weighted by a power of `smoothing`, by the definition."""
    means = []
    for end in range(1, len(losses) + 1):
        weights = smoothing ** np.arange(end)[::-1].astype(float)
        means.append(float(np.sum(weights * losses[:end]) / weights.sum()))
    return means
