"""What goes with the losses of counts, and what they have by default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forecast.config.counts import Distribution, NegativeBinomial, Poisson, Tweedie
from forecast.config.options import require

if TYPE_CHECKING:
    from forecast.config.tree import Config

NAMES = (Poisson.key(), NegativeBinomial.key(), Tweedie.key())


def with_count_defaults(values: Any) -> Any:
    """A configuration as it is written, without transforms where it says nothing of them and the
    loss is one of counts."""
    training = values.get("training") if isinstance(values, Mapping) else None
    loss = training.get("loss") if isinstance(training, Mapping) else getattr(training, "loss", "")
    key = loss.key() if isinstance(loss, Distribution) else loss
    written = [*key][:1] if isinstance(key, Mapping) else [key]
    if not any(isinstance(name, str) and name in NAMES for name in written):
        return values
    return {**values, "transforms": values.get("transforms", ())}


def distribution_of(config: Config) -> Distribution | None:
    """The distribution whose parameters are forecast; None: numbers are."""
    loss = config.training.loss
    return loss if isinstance(loss, Distribution) else None


def lowest(config: Config) -> float:
    """Below it nothing is forecast: `data.minimum`, and of a distribution 0 at least."""
    return max(config.data.lowest, 0.0 if distribution_of(config) else -math.inf)


def require_count_rules(config: Config) -> None:
    """Refuse what does not go with a distribution.

    Raises:
        IncompatibleKeysError: naming the first key that does not fit.
    """
    loss, model = distribution_of(config), config.model
    if loss is None:
        return
    named = loss.key()
    require(
        not config.transforms,
        f"{named} is of the values as they are, and scales each window itself; set transforms: []",
        "training.loss",
        "transforms",
    )
    require(
        model.start == "random",
        f"the pretrained network does not forecast the parameters of {named}; set model.start:"
        " random",
        "training.loss",
        "model.start",
    )
    require(
        model.window_norm == "none",
        f"{named} divides each window by its mean itself; set model.window_norm: none",
        "training.loss",
        "model.window_norm",
    )
    require(
        model.head != "recursive",
        "head recursive feeds one number back, which is no distribution; use head: direct or"
        " parallel, or another loss",
        "training.loss",
        "model.head",
    )
