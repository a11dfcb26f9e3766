"""What a configuration says about partners: methods beside the model, and how they combine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

Partner = Literal["theta", "ets", "pretrained", "ridge"]
Combine = Literal["weights", "mean", "median"]


def _once_each(names: tuple[Partner, ...]) -> tuple[Partner, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"[{', '.join(names)}] names a partner twice; write each once")
    return names


Partners = Annotated[tuple[Partner, ...], Field(fail_fast=True), AfterValidator(_once_each)]
