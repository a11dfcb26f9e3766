"""Promise 8: a bad table ends in one line, a good one in finite forecasts at increasing times."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.config.tree import read_config
from fuzz.calls import Call, call
from fuzz.material import ROOT, SMALL, TABLES, Material, random_of
from fuzz.mutations import mutated, pick

Random = np.random.Generator
Rows = list[list[str]]

TRAINED_EVERY = 32
"""Files between two that are also trained on; the others are history to forecast from."""
CELLS: tuple[str, ...] = (
    "",
    "NaN",
    "inf",
    "-inf",
    "1e400",
    "1e39",
    "-1",
    "0",
    "1e-320",
    "1,5",
    "1 000",
    "x",
    "0x1",
)
CELLS += ("2024-02-30", "1e3", "٣", "1_000", "=1+1", "\0", '"', "true", "9" * 400, "-", "None")


@dataclass(frozen=True)
class Attack:
    """A changed table, and what must come of it."""

    data: bytes
    must: str = "either"
    """either, refuse, or same: the forecasts of the table as it was."""
    line: int | None = None
    """The line that the refusal has to name."""
    column: str = ""
    """The column that it has to name, too."""


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Forecast from, or train on, a changed table."""
    random = random_of(8, number)
    name = pick(random, TABLES)
    data = material.tables[name]
    kind = pick(random, list(ATTACKS))
    attack = ATTACKS[kind](random, data, _target(name))
    path = scratch / f"{name}.csv"
    path.write_bytes(attack.data)
    fault = _predicted(name, attack, path, material)
    if fault is None and number % TRAINED_EVERY == 0:
        fault = _trained(name, attack, path)
    return fault and f"{kind} {name}: {fault}"


def _predicted(name: str, attack: Attack, path: Path, material: Material) -> str | None:
    result = call("predict", str(material.run(name)), "--data", str(path))
    if attack.must == "same":
        path.write_bytes(material.tables[name])
        expected = call("predict", str(material.run(name)), "--data", str(path))
        return None if result.out == expected.out != "" else f"other forecasts: {result.err}"
    return _judged(result, attack, path) or _what_is_odd(result.out)


def _trained(name: str, attack: Attack, path: Path) -> str | None:
    config, run = str(ROOT / "configs" / f"{name}.yaml"), path.parent / "trained"
    words = ["training.epochs=1", f"data.path={path}", "--run", str(run), "--quiet", "--force"]
    result = call("train", config, *SMALL, *words)
    written = (run / "forecast.csv").read_text() if result.code == 0 else ""
    codes = (2,) if attack.must == "either" else ()  # too few rows for the split is a setting
    return _judged(result, attack, path, *codes) or _what_is_odd(written)


def _judged(result: Call, attack: Attack, path: Path, *also: int) -> str | None:
    codes = (3,) if attack.must == "refuse" else (0, 3)
    fault = result.fault(*codes, *also)
    if fault is None and attack.line is not None and f"{path}:{attack.line}:" not in result.line:
        return f"line {attack.line} is not named: {result.line}"
    if fault is None and f"column {attack.column!r}" not in result.line and attack.column:
        return f"column {attack.column} is not named: {result.line}"
    if fault is None and result.code == 3 and str(path) not in result.line:
        return f"the file is not named: {result.line}"
    return fault


def _what_is_odd(text: str) -> str | None:
    """Why forecasts are none: they must be finite, at times that strictly increase."""
    last: dict[tuple[str, str], float | str] = {}
    for row in csv.DictReader(io.StringIO(text)):
        time, _, value, *_ = row.values()
        if not math.isfinite(float(value)):
            return f"a forecast of {value}"
        key = (row.get("target", ""), row.get("unique_id", ""))
        now = float(time) if time.lstrip("-").isdigit() else time
        if key in last and not now > last[key]:  # type: ignore[operator]
            return f"{time} after {last[key]}"
        last[key] = now
    return None


def _target(name: str) -> str:
    return read_config(ROOT / "configs" / f"{name}.yaml").data.targets[0]


def _rows(data: bytes) -> Rows:
    return [*csv.reader(io.StringIO(data.decode()))]


def _bytes(rows: Rows) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()


def _with_cell(
    random: Random, data: bytes, column: int, cells: tuple[str, ...]
) -> tuple[Rows, int]:
    """Rows of which one cell was replaced, and its row."""
    rows = _rows(data)
    row = int(random.integers(1, len(rows)))
    rows[row][column] = pick(random, cells)
    return rows, row


def _words_among_numbers(random: Random, data: bytes, target: str) -> Attack:
    column = _rows(data)[0].index(target)
    words = ("x", "1 000", "true", "1.2.3", "--1", "12%", "2024-01-01", "0x1F", "1e", "$5", "1,5")
    rows, row = _with_cell(random, data, column, words)
    return Attack(_bytes(rows), "refuse", row + 1, target)


def _cut_numbers(random: Random, data: bytes, target: str) -> Attack:
    column = _rows(data)[0].index(target)
    rows, row = _with_cell(random, data, column, ("4\x002", "\x00", "4\x00"))
    return Attack(_bytes(rows), "refuse", row + 1)


def _infinite_numbers(random: Random, data: bytes, target: str) -> Attack:
    column = _rows(data)[0].index(target)
    rows, row = _with_cell(random, data, column, ("inf", "-inf", "1e400", "-1e39", "9" * 60))
    return Attack(_bytes(rows), "refuse", row + 1, target)


def _no_times(random: Random, data: bytes, _: str) -> Attack:
    rows, row = _with_cell(random, data, 0, ("soon", "2024-02-30", "2024-13-01", "never-01", "T"))
    return Attack(_bytes(rows), "refuse", row + 1)


def _twice(random: Random, data: bytes, _: str) -> Attack:
    rows = _rows(data)
    row = int(random.integers(1, len(rows)))
    place = int(random.integers(1, len(rows) + 1))
    return Attack(_bytes([*rows[:place], list(rows[row]), *rows[place:]]), "refuse")


def _ragged(random: Random, data: bytes, _: str) -> Attack:
    rows = _rows(data)
    row = int(random.integers(1, len(rows)))
    rows[row] = rows[row][:-1] if random.random() < 0.5 else [*rows[row], "1"]
    return Attack(_bytes(rows), "refuse", row + 1)


def _last_cells_empty(random: Random, data: bytes, target: str) -> Attack:
    rows = _rows(data)
    last = int(random.integers(1, 4))
    rows[-last][rows[0].index(target)] = pick(random, ("", "NaN", "NA"))
    is_filled = target == "co2"  # data.missing: interpolate
    return Attack(_bytes(rows), "either" if is_filled or last == 1 else "refuse")  # or the future


def _not_text(random: Random, data: bytes, _: str) -> Attack:
    place = int(random.integers(len(data)))
    broken = data[:place] + pick(random, (b"\xff", b"\xc3\x28", b"\xed\xa0\x80")) + data[place:]
    utf16 = data.decode().encode("utf-16")
    halved = utf16[: 2 * int(random.integers(1, len(data))) + 1]
    return Attack(pick(random, (broken, halved, b"", b"\0" * 50)), "refuse")


def _no_column(random: Random, data: bytes, target: str) -> Attack:
    return Attack(data.replace(target.encode(), pick(random, (b"other", b"", b"X")), 1), "refuse")


def _zipped(data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("table.csv", data)
    return archive.getvalue()


def _written_otherwise(random: Random, data: bytes, _: str) -> Attack:
    rows = _rows(data)
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    extra = _bytes([[*row, "note" if n == 0 else "x"] for n, row in enumerate(rows)])
    choices = (
        *(data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data.rstrip(b"\n")),
        *(data + b"\n\n\n", quoted.getvalue().encode(), extra, _bytes([row[::-1] for row in rows])),
        _bytes([rows[0], *([""] * len(rows[0]),), *rows[1:]]),
        *(data.decode().encode("utf-16"), gzip.compress(data), _zipped(data)),
    )
    return Attack(pick(random, choices), "same")


def _any_cells(random: Random, data: bytes, _: str) -> Attack:
    rows = _rows(data)
    for _row in range(int(random.integers(1, 6))):
        rows[int(random.integers(len(rows)))][int(random.integers(len(rows[0])))] = pick(
            random, CELLS
        )
    return Attack(_bytes(rows))


def _other_rows(random: Random, data: bytes, _: str) -> Attack:
    head, *rows = _rows(data)
    start, end = sorted(int(random.integers(len(rows) + 1)) for _ in range(2))
    step = int(random.integers(2, 9))
    shuffled = [rows[int(row)] for row in random.permutation(len(rows))]
    choices = (rows[:start] + rows[end:], rows[start:end], rows[::-1], rows[::step], shuffled)
    return Attack(_bytes([head, *pick(random, choices)]))


def _other_values(random: Random, data: bytes, target: str) -> Attack:
    rows = _rows(data)
    column = rows[0].index(target)
    factor = pick(random, (0.0, -1.0, 1e-300, 1e-30, 1e30, 1e37, 1e300, 1e6))
    shift = pick(random, (0.0, 1.0, -1e9, 1e30))
    for row in filter(lambda row: row[column], rows[1:]):  # some cells are empty
        row[column] = repr(float(row[column]) * factor + shift)
    return Attack(_bytes(rows))


def _other_times(random: Random, data: bytes, _: str) -> Attack:
    rows = _rows(data)
    texts = ("{}T00:00:00Z", "{} 02:30", "{}+02:00", "0{}", "9{}", "-{}", " {} ", "{}.5", "'{}'")
    text = pick(random, texts)
    some = random.random() < 0.5
    for row in rows[1:]:
        if not some or random.random() < 0.05:
            row[0] = text.format(row[0])
    return Attack(_bytes(rows))


def _any_bytes(random: Random, data: bytes, _: str) -> Attack:
    return Attack(mutated(random, data, (ROOT / "data" / "macro.csv").read_bytes()))


ATTACKS: dict[str, Callable[[Random, bytes, str], Attack]] = {
    "words among numbers": _words_among_numbers,
    "cut numbers": _cut_numbers,
    "infinite numbers": _infinite_numbers,
    "no times": _no_times,
    "twice": _twice,
    "ragged": _ragged,
    "last cells empty": _last_cells_empty,
    "not text": _not_text,
    "no column": _no_column,
    "written otherwise": _written_otherwise,
    "any cells": _any_cells,
    "other rows": _other_rows,
    "other values": _other_values,
    "other times": _other_times,
    "any bytes": _any_bytes,
}
