"""What comes and goes: requests and forecasts as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from forecast.config.data import DataConfig
from forecast.data.plain import Columns
from forecast.errors import ConfigError, DataError, named, one_line, shown
from forecast.serve.limits import Limits, RequestError
from forecast.tables.csv_text import to_csv
from forecast.tables.unpack import file_of
from forecast.tables.write import rows_of

if TYPE_CHECKING:
    import pandas as pd

JSON, CSV = "application/json", "text/csv"
QUERY = ("model", "horizon", "level", "samples", "seed")
TABLE = {
    "description": "Columns, or rows, or the text of a CSV; with the columns of training",
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "array"}},
        {"type": "array", "items": {"type": "object"}},
        {"type": "string"},
    ],
}
SHAPES = dict.fromkeys(("history", "future"), "give columns, rows, or the text of a CSV")
SHAPES |= {"level": "give percent, one or a list of them"}
"""What fields of several types may hold."""
TableIn = Annotated[
    dict[str, list[Any]] | list[dict[str, Any]] | str | None, Field(json_schema_extra=TABLE)
]


class ForecastRequest(BaseModel):
    """What is to be forecast; every part of it may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(None, description="name, where several models are served")
    history: TableIn = Field(None, description="newer history; none: the end of the training table")
    future: TableIn = Field(None, description="covariates known over the horizon")
    horizon: int | None = Field(None, description="steps; none: as trained")
    level: float | list[float] | None = Field(
        None, description="intervals in percent; none: as configured, []: none"
    )
    samples: int | None = Field(None, description="sample paths in place of intervals")
    seed: int | None = Field(None, description="of the samples; none: 0")


class ForecastResponse(BaseModel):
    """Forecasts, row by row, as `forecast predict --json` prints them."""

    model: str
    forecast: list[dict[str, Any]]
    warnings: list[str]


class Refusal(BaseModel):
    """Why there is no forecast, in one line."""

    error: str


@dataclass(frozen=True)
class SentTable:
    """A table of a request, as it came."""

    name: str
    """For messages."""
    columns: Mapping[str, Sequence[object]] | None = None
    """Cells of JSON, as many in each column."""
    text: bytes = b""
    """Of a CSV, where there are no columns."""

    def plain(self, config: DataConfig) -> Columns | None:
        """The cells by column, as far as that can be told without a reader of CSV."""
        if self.columns is not None:
            return self.columns
        if config.separator == '"' or b'"' in self.text or b"\r" in self.text:
            return None
        try:
            header, *lines = self.text.decode().removesuffix("\n").split("\n")
            names = header.split(config.separator)
            cells = [line.split(config.separator) for line in lines]
            columns = dict(zip(names, zip(*cells, strict=True), strict=True))
        except ValueError:  # no text, or rows that do not agree
            return None
        return columns if len(columns) == len(names) else None

    def file(self, config: DataConfig) -> BinaryIO:
        """The table as an open CSV for the one reader, by the marks of the training table."""
        text = self.text if self.columns is None else _as_csv(self.columns, config)
        return file_of(text, self.name)

    @property
    def config_changes(self) -> dict[str, Any]:
        """What the reader must know: a number of JSON has no marks."""
        return {} if self.columns is None else {"thousands": "none", "units": {}}


@dataclass(frozen=True)
class ParsedRequest:
    """A request that has been read."""

    model: str | None = None
    history: SentTable | None = None
    future: SentTable | None = None
    horizon: int | None = None
    level: tuple[float, ...] | None = None
    samples: int | None = None
    seed: int = 0


def asked_in_json(body: bytes, limits: Limits) -> ParsedRequest:
    """The request of a JSON body; an empty one asks for the forecast after the training table.

    Raises:
        RequestError: for what is no JSON, or too large.
        ConfigError: for a key or a value that is not allowed.
    """
    limits.require_parts(body)
    try:
        request = ForecastRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _not_a_request(error) from None
    json.loads(body or b"{}", object_pairs_hook=_once)
    level = request.level
    levels = None if level is None else tuple(level if isinstance(level, list) else [level])
    return ParsedRequest(
        request.model,
        _sent(request.history, "history", limits),
        _sent(request.future, "future", limits),
        request.horizon,
        *_checked(levels, request.samples, request.seed, limits),
    )


def _not_a_request(error: ValidationError) -> Exception:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return RequestError(400, f"the body is no JSON: {first['ctx']['error']}")
    place = named(str(next(iter(first["loc"]), "body")))
    known = ", ".join(ForecastRequest.model_fields)
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{place}: unknown key; known: {known}")
    return ConfigError(f"{place}: {SHAPES.get(place, first['msg'].lower())}")


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object that names one key twice, of which a reader of JSON takes the last."""
    seen = set[str]()
    for key, _ in pairs:
        if key in seen:
            raise ConfigError(f"{named(key)} appears twice in one object; name each key once")
        seen.add(key)


def asked_in_csv(body: bytes, pairs: Sequence[tuple[str, str]], limits: Limits) -> ParsedRequest:
    """The request of a CSV body, whose other parts stand in the address.

    Args:
        body: the history; empty: the end of the training table.
        pairs: model, horizon, level, samples and seed, e.g. of `?horizon=12&level=80,95`.
        limits: of the service.

    Raises:
        ConfigError, RequestError: as `asked_in_json`.
    """
    query = dict(pairs)
    _once([*pairs])
    if unknown := [key for key in query if key not in QUERY]:
        raise ConfigError(f"{shown(unknown[0])}: unknown key; known: {', '.join(QUERY)}")
    horizon, samples, seed = (
        _number(int, query[key], key) if key in query else None
        for key in ("horizon", "samples", "seed")
    )
    level = None
    if "level" in query:
        words = [word for word in query["level"].split(",") if word]
        level = tuple(_number(float, word, "level") for word in words)
    limits.require_rows(body.count(b"\n") - 1, "history")
    history = SentTable("history", text=body) if body else None
    rest = _checked(level, samples, seed, limits)
    return ParsedRequest(query.get("model"), history, None, horizon, *rest)


def _number(kind: type, word: str, name: str) -> Any:
    try:
        return kind(word.replace("_", "?"))  # Python reads 1_0 as ten
    except ValueError:
        raise ConfigError(f"{name} {shown(word)} is not allowed; give a number") from None


def _checked(
    level: tuple[float, ...] | None, samples: int | None, seed: int | None, limits: Limits
) -> tuple[tuple[float, ...] | None, int | None, int]:
    """Levels, samples and seed, as far as they go together."""
    if level is not None and len(level) > limits.levels:
        raise ConfigError(f"level: more than {limits.levels} levels; ask for fewer")
    if samples is None and seed is not None:
        raise ConfigError("seed is for sample paths; give their number as samples")
    if samples is not None and level is not None:
        raise ConfigError("level is for intervals, samples takes their place; give one of both")
    return level, samples, seed or 0


def _sent(table: Any, name: str, limits: Limits) -> SentTable | None:
    """A table with a bounded number of rows.

    Raises:
        RequestError: for more rows.
        DataError: for columns of different lengths.
    """
    if table is None:
        return None
    if isinstance(table, str):
        limits.require_rows(table.count("\n") - 1, name)
        return SentTable(name, text=table.encode())
    if isinstance(table, list):
        limits.require_rows(len(table), name)
        names = [*dict.fromkeys(key for row in table for key in row)]
        _require_columns(names, name, limits)
        table = {key: [row.get(key) for row in table] for key in names}
    _require_columns(table, name, limits)
    lengths = {key: len(cells) for key, cells in table.items()}
    if len(different := sorted({*lengths.values()})) != 1:
        few = " and ".join(map(str, different[:3])) or "no"
        raise DataError(f"{name}: columns of {few} cells; give each as many")
    limits.require_rows(next(iter(lengths.values())), name)
    for key, cells in table.items():
        if not {*map(type, cells)} <= {int, float, str, bool, type(None)}:
            raise DataError(f"{name}: column {shown(key)} holds lists or objects; give plain cells")
    return SentTable(name, columns=table)


def _require_columns(names: Any, name: str, limits: Limits) -> None:
    if len(names) > limits.columns:
        raise RequestError(413, f"{name}: more than {limits.columns} columns; send those it needs")


def _as_csv(columns: Mapping[str, Sequence[object]], config: DataConfig) -> bytes:
    """Cells of JSON as a CSV with the marks of the training table."""

    def written(cell: object) -> object:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return ""
        return str(cell).replace(".", config.decimal) if isinstance(cell, float) else cell

    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=config.separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([*map(written, row)] for row in zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def answers(
    table: pd.DataFrame, ends: Sequence[int], kinds: Sequence[str], model: str, told: Sequence[str]
) -> list[bytes]:
    """The bodies of some answers.

    Args:
        table: rows of all of them.
        ends: row after the last of each.
        kinds: media type of each.
        model: name of the model.
        told: warnings, for each of them.
    """
    rows = rows_of(table) if JSON in kinds else []
    bodies, begin = [], 0
    for end, kind in zip(ends, kinds, strict=True):
        if kind == JSON:
            content = {"model": model, "forecast": rows[begin:end], "warnings": [*told]}
            bodies.append(to_json(content))  # six times as fast as `json.dumps`
        else:
            bodies.append(to_csv(table.iloc[begin:end]).encode())
        begin = end
    return bodies


def refusal(message: str, kind: str) -> tuple[bytes, str]:
    """The body of a refusal and its media type: JSON, or a line of text where CSV was asked for."""
    line = one_line(message)
    if kind == CSV:
        return f"{line}\n".encode(), "text/plain; charset=utf-8"
    return json.dumps({"error": line}).encode(), JSON
