"""What a configuration says about transforms: invertible steps from the user's units."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from forecast.config.options import Choice, Option, Steps, require

Scope = Literal["per_series", "global"]


class Log(Option):
    """Natural logarithm; positive values only."""

    name: Literal["log"] = "log"


class Log1p(Option):
    """log(1 + x), for counts with zeros; values above -1 only."""

    name: Literal["log1p"] = "log1p"


class Power(Option):
    """Box-Cox (positive values) or Yeo-Johnson power, its exponent by maximum likelihood."""

    name: Literal["power"] = "power"
    method: Literal["box_cox", "yeo_johnson"] = "yeo_johnson"
    """box_cox needs positive values; yeo_johnson takes any."""
    scope: Scope = "per_series"
    """per_series: an exponent for each series; global: one for all."""


class Difference(Option):
    """Difference to the row `lag` earlier, `order` times; lag auto: season and order by tests."""

    name: Literal["difference"] = "difference"
    lag: Steps | Literal["auto"] = 1
    """Rows; auto: the season and 1, as often as unit-root and seasonality tests say."""
    order: Annotated[int, Field(gt=0, le=10)] = 1
    """How many times the difference is taken."""

    @model_validator(mode="after")
    def _auto_chooses_the_order(self) -> Difference:
        is_chosen_once = self.lag != "auto" or self.order == 1
        require(is_chosen_once, "lag auto chooses the order itself; leave order out", "order")
        return self


class Standardize(Option):
    """Mean 0, population standard deviation 1."""

    name: Literal["standardize"] = "standardize"
    scope: Scope = "per_series"
    """per_series: mean and deviation of each series; global: of all together."""


class MinMax(Option):
    """Minimum 0, maximum 1."""

    name: Literal["min_max"] = "min_max"
    scope: Scope = "per_series"
    """per_series: extremes of each series; global: of all together."""


class Robust(Option):
    """Median 0, interquartile range 1."""

    name: Literal["robust"] = "robust"
    scope: Scope = "per_series"
    """per_series: median and range of each series; global: of all together."""


TransformOption = Annotated[
    Log | Log1p | Power | Difference | Standardize | MinMax | Robust, Choice()
]
Transforms = Annotated[tuple[TransformOption, ...], Field(fail_fast=True)]
