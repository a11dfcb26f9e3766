"""What goes with `model.start: pretrained`: the network reads levels, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecast.config.model import PRETRAINED_LEVELS
from forecast.config.options import require

if TYPE_CHECKING:
    from forecast.config.tree import Config

COVARIATES = ("past", "future", "static", "calendar", "holidays", "terms")
"""Keys of `data` that it has no place for."""


def require_pretrained_rules(config: Config) -> None:
    """Refuse what the pretrained network cannot read or forecast.

    Raises:
        IncompatibleKeysError: naming the first key that does not fit.
    """
    if config.model.start != "pretrained":
        return
    for number, option in enumerate(config.transforms):
        require(
            option.name != "difference",
            "model.start: pretrained has learned from levels, not from differences; leave it out,"
            " or set model.start: random",
            f"transforms.{number}",
        )
    for role in COVARIATES:
        require(
            not getattr(config.data, role),
            f"model.start: pretrained reads no covariates; leave data.{role} out, or set"
            " model.start: random",
            f"data.{role}",
        )
    require(
        not config.window.lags,
        "model.start: pretrained reads no lags; leave window.lags out, or set model.start: random",
        "window.lags",
    )
    levels = getattr(config.training.loss, "levels", PRETRAINED_LEVELS)
    require(
        levels == PRETRAINED_LEVELS,
        f"model.start: pretrained forecasts the quantiles {list(PRETRAINED_LEVELS)}; give these,"
        " or another loss",
        "training.loss",
    )
