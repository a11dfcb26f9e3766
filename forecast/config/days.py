"""Days that are not like others, as a configuration names them: public holidays of a place."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from forecast.config.options import Section
from forecast.errors import ConfigError, shown


class Holidays(Section):
    """Public holidays by the rules of the package `holidays`."""

    country: str
    """Code of ISO 3166, e.g. DE."""
    subdivision: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """State or province, e.g. BY; none: what holds in the whole country."""

    @field_validator("country")
    @classmethod
    def _is_a_code(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{2}", value):
            raise ValueError(f"{shown(value)} is no code of a country; write two letters, e.g. DE")
        return value


def holiday_place(text: str) -> dict[str, str]:
    """`DE` or `DE-BY` as the section `holidays` has it.

    Raises:
        ConfigError: for anything else.
    """
    found = re.fullmatch(r"([A-Z]{2})(?:-(.{1,60}))?", text)
    if found is None:
        raise ConfigError(f"holidays {shown(text)} is no place; write DE, or DE-BY for a state")
    country, subdivision = found.groups()
    return {"country": country} | ({"subdivision": subdivision} if subdivision else {})
