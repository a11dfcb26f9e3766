"""Promise 8: numbers with marks ($1,234.50, 12 %, −3 kg) are read as they stand, or refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.errors import ForecastError
from forecast.init.unconfigured import read_unconfigured
from fuzz.material import Material, random_of
from fuzz.mutations import pick

ROWS = 40
BEFORE = ("$", "€", "£", "US$", "EUR", "CHF", "R$", "kr", "₹")
BEHIND = ("€", "%", "EUR", "kg", "kWh", "°C", "m²", "km/h", "Mbit", "‰", "h")
MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
"""Of decimals and between thousands."""
BAD = ("{0}x", "12", "{0} {0}", "({0})", "{0}-", "\u2013{0}", "{1}", "--{0}", "{0}{1}{1}", "1{0}2")
"""Cells that are refused: another mark or none, a sign elsewhere, two numbers, no number."""


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Read a column of marked numbers, with or without its configuration; every third is spoilt."""
    random = random_of(83, number)
    is_before = bool(random.integers(2))
    unit = pick(random, BEFORE if is_before else BEHIND)
    decimal, thousands = pick(random, MARKS)
    digits = int(random.integers(3))
    size = 10.0 ** int(random.integers(1, 7))
    values = np.round(random.normal(0, 1, ROWS) * size, digits)
    blank, minus = pick(random, ("", " ")), pick(random, ("-", "\u2212"))
    if is_before and unit.isalpha():
        blank = " "
    written = [_number(abs(value), digits, decimal, thousands) for value in values]
    around = "{0}{1}{2}" if is_before else "{2}{1}{0}"
    signs = [minus if value < 0 else "" for value in values]
    cells = [
        sign + around.format(unit, blank, text) for sign, text in zip(signs, written, strict=True)
    ]
    row = int(random.integers(ROWS)) if number % 3 == 0 else None
    if row is not None:
        cells[row] = pick(random, BAD).format(cells[row].lstrip(minus), unit)
    path = scratch / "marks.csv"
    separator = ";" if decimal == "," else ","
    _write(path, cells, separator)
    told = f"{cells[0]!r} ... {cells[row or 1]!r}"
    data = DataConfig(
        path=str(path),
        id=None,
        units={"y": unit},
        separator=separator,
        decimal=decimal,
        thousands=thousands or "none",
    )
    fault = _configured(data, values, row)
    if fault is None and row is None and thousands in ("", ",", ".") and digits == 2:
        fault = _found(path, values)
    return fault and f"{told}: {fault}"


def _number(value: float, digits: int, decimal: str, thousands: str) -> str:
    text = f"{value:,.{digits}f}".replace(",", "T").replace(".", decimal)
    return text.replace("T", thousands)


def _write(path: Path, cells: list[str], separator: str) -> None:
    text = io.StringIO(newline="")
    days = pd.date_range("2024-01-01", periods=len(cells)).strftime("%Y-%m-%d")
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([("ds", "y"), *zip(days, cells, strict=True)])
    path.write_text(text.getvalue(), encoding="utf-8")


def _configured(data: DataConfig, values: np.ndarray, row: int | None) -> str | None:
    try:
        read = read_panel(data).values[:, 0]
    except ForecastError as error:
        if row is None:
            return f"refused: {error}"
        place = f"{data.path}:{row + 2}: column 'y' holds "
        is_named = str(error).startswith(place) and "\n" not in str(error)
        return None if is_named else f"not at {place}: {error}"
    if row is not None:
        return f"row {row + 2} is read as {read[row]:g}"
    return None if np.array_equal(read, values) else f"read as {read[:3]}, not {values[:3]}"


def _found(path: Path, values: np.ndarray) -> str | None:
    """What is wrong with how a table is read of which nothing is said."""
    try:
        read = read_unconfigured(str(path)).panel.values[:, 0]
    except ForecastError as error:
        return f"not found: {error}"
    return None if np.array_equal(read, values) else f"found as {read[:3]}, not {values[:3]}"
