"""Promise 10: every cell, head, normalisation, loss and skip obeys the same rules."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Literal, get_args

from forecast.config.losses import Huber, LogCosh, LossOption, MeanAbsolute, MeanSquared, Quantile
from forecast.config.model import CellName, HeadName, ModelConfig, NormName, SkipName
from fuzz import forecast_rules, training_rules
from fuzz.cases import Case
from fuzz.material import Material

RULES = (*forecast_rules.RULES, *training_rules.RULES)

LOSSES: tuple[LossOption, ...] = (MeanSquared(), MeanAbsolute(), Huber(), LogCosh(), Quantile())
CHANNELS: tuple[Literal["joint", "independent"], ...] = ("joint", "independent")
COMBINATIONS = tuple(
    (cell, head, norm, loss, skip, channels)
    for cell, head, norm, loss, skip, channels in itertools.product(
        get_args(CellName),
        get_args(HeadName),
        get_args(NormName),
        LOSSES,
        get_args(SkipName),
        CHANNELS,
    )
    if head != "recursive" or skip == "none"
)
"""All that a configuration may combine."""
STEP = 389
"""Prime to the number of combinations: neighbours in a share differ in every part."""


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Hold one combination against every rule."""
    cell, head, norm, loss, skip, channels = COMBINATIONS[number * STEP % len(COMBINATIONS)]
    config = ModelConfig(
        cell=cell,
        head=head,
        window_norm=norm,
        linear_skip=skip,
        channels=channels,
        hidden_size=4,
        segment=1 + number % 2,
    )
    broken = check_forecaster(Case(config, loss, scratch))
    return (
        f"{cell} {head} {norm} {loss.key()} {skip} {channels}: {', '.join(broken)}"
        if broken
        else None
    )


def check_forecaster(case: Case) -> list[str]:
    """Names of the rules that a combination breaks; a rule that does not apply holds."""
    return [rule.__name__ for rule in RULES if not rule(case)]
