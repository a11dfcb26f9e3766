"""The losses of counts and of amounts with zeros: distributions whose parameters are forecast.

Each is minus the log-likelihood of what came. The network gives raw numbers of a window that was
divided by its scale, 1 + its mean (Salinas et al. 2020, DeepAR); `parameters` makes those of the
distribution in the user's units of them, the mean first; `step_loss` reads these.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from forecast.config.options import Option
from forecast.errors import shown

if TYPE_CHECKING:
    from torch import Tensor

MEAN = math.nan
"""Stands among the levels of quantiles for the mean, the point forecast of a distribution."""
SMALLEST = 1e-6
"""Mean at least, in units of the scale: a logarithm is taken of it."""
LEAST_SPREAD = 1e-3
"""Dispersion at least: below it a negative binomial is a Poisson distribution, but for rounding."""
TERMS = 64
"""Jumps that the likelihood of Tweedie sums over, about those that are likeliest."""
Level = Annotated[float, Field(gt=0, lt=1)]


class Distribution(Option):
    """A loss that forecasts a distribution: its mean, and its quantiles at some levels."""

    whole_numbers: ClassVar[bool] = True
    """Whether it is of counts: whole numbers from 0 on; else of any numbers from 0 on."""
    num_parameters: ClassVar[int]
    levels: tuple[Level, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    """Quantiles beside the mean: rising, 0.5 in the middle; pairs such as 0.1 and 0.9."""

    @field_validator("levels")
    @classmethod
    def _pairs_about_the_median(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        rising = list(levels) == sorted(set(levels)) and len(levels) % 2 == 1
        pairs = zip(levels, reversed(levels), strict=True)
        if not rising or any(abs(low + high - 1) > 1e-9 for low, high in pairs):
            raise ValueError(
                f"{shown(levels)} must increase in pairs about 0.5, the median; write e.g."
                " [0.1, 0.5, 0.9]"
            )
        return levels

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Levels of all that is forecast; the mean, the point forecast, follows the median."""
        middle = len(self.levels) // 2 + 1
        return (*self.levels[:middle], MEAN, *self.levels[middle:])

    def parameters(self, raw: Tensor, scale: Tensor) -> Tensor:
        """Parameters (..., P) in the user's units.

        Args:
            raw: (..., P) what the network gives.
            scale: (..., 1) of the window.
        """
        raise NotImplementedError


class Poisson(Distribution):
    """Counts whose variance is their mean: mean - y log(mean) + log(y!)."""

    name: Literal["poisson"] = "poisson"
    num_parameters: ClassVar[int] = 1

    def parameters(self, raw: Tensor, scale: Tensor) -> Tensor:
        """The mean, see above."""
        return _positive(raw, SMALLEST) * scale

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry: forecast (B, H, K, 1) holds the mean."""
        import torch

        mean, count = _wide(forecast), _wide(target)
        loss: Tensor = mean - torch.xlogy(count, mean) + torch.lgamma(count + 1)
        return loss.to(forecast.dtype)


class NegativeBinomial(Distribution):
    """Counts whose variance is above their mean: mean + dispersion * mean^2."""

    name: Literal["negative_binomial"] = "negative_binomial"
    num_parameters: ClassVar[int] = 2

    def parameters(self, raw: Tensor, scale: Tensor) -> Tensor:
        """Mean and dispersion: the larger a series, the smaller its dispersion (DeepAR)."""
        import torch

        mean, dispersion = raw.split(1, dim=-1)
        dispersion = _positive(dispersion, LEAST_SPREAD) / scale.sqrt()
        return torch.cat([_positive(mean, SMALLEST) * scale, dispersion], dim=-1)

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry: forecast (B, H, K, 2) holds mean and dispersion."""
        import torch

        mean, dispersion = _wide(forecast).split(1, dim=-1)
        count, size = _wide(target), 1 / dispersion
        total = torch.log1p(mean * dispersion)  # of (size + mean) / size
        likelihood = (
            torch.lgamma(count + size)
            - torch.lgamma(size)
            - torch.lgamma(count + 1)
            + torch.xlogy(count, mean * dispersion)
            - (count + size) * total
        )
        loss: Tensor = -likelihood
        return loss.to(forecast.dtype)


class Tweedie(Distribution):
    """Amounts with zeros: a Poisson number of gamma-distributed parts (Tweedie 1984)."""

    name: Literal["tweedie"] = "tweedie"
    whole_numbers: ClassVar[bool] = False
    num_parameters: ClassVar[int] = 2
    power: Annotated[float, Field(ge=1.05, le=1.95)] = 1.5
    """The variance is dispersion * mean^power; near 1 like counts, near 2 like gamma."""

    def parameters(self, raw: Tensor, scale: Tensor) -> Tensor:
        """Mean and dispersion: what is scaled keeps its distribution, with another dispersion."""
        import torch

        mean, dispersion = raw.split(1, dim=-1)
        dispersion = _positive(dispersion, LEAST_SPREAD) * scale ** (2 - self.power)
        return torch.cat([_positive(mean, SMALLEST) * scale, dispersion], dim=-1)

    def step_loss(self, forecast: Tensor, target: Tensor, _: Tensor) -> Tensor:
        """The loss of each entry: forecast (B, H, K, 2) holds mean and dispersion.

        The density is summed over the number of parts, the `TERMS` likeliest ones of them (Dunn
        and Smyth 2005); where these are too many, it is the saddlepoint approximation (Nelder and
        Pregibon 1987), which is exact but for a factor there.
        """
        import torch

        mean, dispersion = _wide(forecast).split(1, dim=-1)
        power, amount = self.power, _wide(target)
        rate = mean ** (2 - power) / ((2 - power) * dispersion)  # of parts
        is_zero = amount <= 0
        amount = torch.where(is_zero, torch.ones_like(amount), amount)
        likeliest = amount ** (2 - power) / ((2 - power) * dispersion)
        first = (likeliest.detach() - TERMS / 2).floor().clamp_min(1)
        parts = first + torch.arange(TERMS, dtype=first.dtype, device=first.device)
        shape = (2 - power) / (power - 1) * parts
        size = (power - 1) * dispersion * mean ** (power - 1)  # of a part, its gamma scale
        log_terms = (
            torch.xlogy(parts, rate)
            - torch.lgamma(parts + 1)
            + (shape - 1) * amount.log()
            - shape * size.log()
            - torch.lgamma(shape)
        )
        exact = log_terms.logsumexp(dim=-1, keepdim=True) - amount / size - rate
        deviance = 2 * (
            amount ** (2 - power) / ((1 - power) * (2 - power))
            - amount * mean ** (1 - power) / (1 - power)
            + mean ** (2 - power) / (2 - power)
        )
        near = (
            -deviance / (2 * dispersion)
            - (math.log(2 * math.pi) + dispersion.log() + power * amount.log()) / 2
        )
        density = torch.where(likeliest > TERMS, near, exact)
        loss: Tensor = torch.where(is_zero, rate, -density)
        return loss.to(forecast.dtype)


def _positive(raw: Tensor, least: float) -> Tensor:
    from torch.nn.functional import softplus

    return softplus(raw.float()) + least


def _wide(values: Tensor) -> Tensor:
    """In double precision, where the device has it: a likelihood is a difference of large terms."""
    return values if values.device.type == "mps" else values.double()
