"""Marks at the numbers of a CSV, the same in every cell of a column: $1,234.50, 12 %, 12kg."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import pandas as pd

CURRENCIES = "EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|Rs|kr"
MINUS, DASHES = "\u2212", "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
"""The sign of typeset numbers, which is read as -; and what may be meant as one, and is no mark."""
NUMBER = r"(?:\d[\d., '\u2019\u00a0\u202f]*|[.,]\d+)"
BEFORE = re.compile(
    rf"[-+]?\s?([A-Z]{{0,3}}[^\w\s.,:'\"()+{DASHES}-]|{CURRENCIES})\s?[-+]?{NUMBER}"
)
AFTER = re.compile(
    rf"[-+]?{NUMBER}?(?<=[\d., \u00a0\u202f])([^\d\s.,:'\"()+_{DASHES}-][^\d\s]{{0,4}})"
)


def unit_in(cell: str) -> tuple[str, bool] | None:
    """The mark of a cell, and whether it stands before the number; None: there is no such."""
    if found := BEFORE.fullmatch(cell):
        return found[1], True
    found = AFTER.fullmatch(cell)
    return (found[1], False) if found else None


def unit_of(cells: Iterable[str]) -> str:
    """The mark that all cells have at the same side; empty if there is none."""
    units: set[tuple[str, bool] | None] = set()
    for cell in cells:
        units.add(unit_in(cell))
        if len(units) > 1 or None in units:
            return ""
    return next((each[0] for each in units if each), "")


def without_unit(texts: pd.Series, unit: str) -> pd.Series:
    """Texts without their mark; one that lacks it is missing.

    Args:
        texts: none of them empty but missing ones.
        unit: the mark, before the number or behind it.
    """
    numbers = texts.map(functools.partial(number_of, unit=unit), na_action="ignore")
    return numbers.astype("string")


def number_of(text: str, unit: str) -> str | None:
    """What stands before or behind a mark; None: the mark does not."""
    sign = text[:1] if text[:1] in "+-" else ""
    rest = text[len(sign) :].strip()
    if rest.startswith(unit):
        return sign + rest[len(unit) :].strip()
    return sign + rest[: -len(unit)].strip() if rest.endswith(unit) else None
