"""What a configuration says about the data: table, covariates, split, windows."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from forecast.config import formats
from forecast.config.days import Holidays
from forecast.config.labels import Label, Targets
from forecast.config.options import (
    LARGEST,
    Count,
    Name,
    Section,
    Steps,
    increasing,
    name_and_options,
    options_schema,
    path_text,
    require,
)
from forecast.errors import did_you_mean, shown

Duplicates = Literal["error", "first", "last", "mean", "sum"]
MissingPolicy = Literal["error", "interpolate", "forward_fill", "mask"]
Step = Annotated[int, Field(gt=0, le=10**18)]
"""Of integer times, which may be nanoseconds."""
MOST_LAGS = 20
"""Lags that a window reads at most."""
EPOCHS = {"unix_s": 10**9, "unix_ms": 10**6, "unix_us": 10**3, "unix_ns": 1}
"""Formats of times that count from 1970 on, and the nanoseconds of one."""
EXCEL = "excel"
"""The format of times that are days since 1899-12-30, with the time of day as a fraction."""


def _named(value: object) -> object:
    """`price` is `{name: price}`; `{shop: {encoding: ...}}` is `{name: shop, encoding: ...}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Covariate):
        return value
    name, options = name_and_options(value, "...")
    if "name" in options:
        raise ValueError(f"unknown key 'name'; {did_you_mean('name', ('encoding', 'dimension'))}")
    return {"name": name, **options}


class Covariate(Section):
    """A column that helps to forecast: `price`, or `{shop: {encoding: embedding}}`."""

    name: Name
    """Column of the table."""
    encoding: Literal["standardize", "none", "ordinal", "one_hot", "embedding"] = "standardize"
    """Numbers are standardised or left (none); categories become ordinal, one_hot or embedding."""
    dimension: Count | None = None
    """Width of an embedding; none: min(16, 1 + categories / 2)."""

    @property
    def is_categorical(self) -> bool:
        """Whether the column holds categories rather than numbers."""
        return self.encoding in ("ordinal", "one_hot", "embedding")

    @model_validator(mode="after")
    def _only_an_embedding_has_a_dimension(self) -> Covariate:
        if self.dimension is not None and self.encoding != "embedding":
            raise ValueError(
                f"dimension {self.dimension} is of no use to encoding {self.encoding}; set"
                " encoding: embedding, or leave dimension out"
            )
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, dict[str, Any]]:
        if self == Covariate(name=self.name):
            return self.name
        options: dict[str, Any] = {"encoding": self.encoding}
        if self.dimension is not None:
            options["dimension"] = self.dimension
        return {self.name: options}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = options_schema(handler.resolve_ref_schema(handler(core_schema)))
        long = {"type": "object", "additionalProperties": options, "maxProperties": 1}
        short = {"type": "string", "minLength": 1}
        return {"anyOf": [short, {**long, "minProperties": 1}], "description": cls.__doc__ or ""}


Covariates = Annotated[
    tuple[Annotated[Covariate, BeforeValidator(_named)], ...], Field(fail_fast=True)
]
Ids = Annotated[
    Name | Annotated[tuple[Name, ...], Field(fail_fast=True, min_length=2, max_length=6)] | None,
    BeforeValidator(lambda ids: ids[0] if isinstance(ids, list | tuple) and len(ids) == 1 else ids),
]
CalendarName = Literal[
    "minute", "hour", "dayofweek", "day", "dayofyear", "week", "month", "quarter"
]


class DataConfig(Section):
    """The table: where it is and what its columns mean."""

    path: Name
    """CSV or Parquet file; relative to the file of the configuration."""
    time: Name = "ds"
    """Column of time stamps or integers."""
    time_parts: Annotated[tuple[Name, ...], Field(fail_fast=True, max_length=6)] = ()
    """Columns that make up the time, e.g. [year, month, day, hour] or [date, hour]."""
    target: Targets = ("y",)
    """Column or columns to forecast; `{state: {encoding: label}}` is one of several texts."""
    id: Ids = "unique_id"
    """Column that names the series of a long table, or columns: [store, item]; none: one series."""
    frequency: Annotated[Name | Step, Field(union_mode="left_to_right")] = "auto"
    """Pandas offset (h, D, MS), MS-15, "h MON-FRI 08:00-18:00"; a step of integers; index; auto."""
    timezone: str | None = None
    """Zone of local time stamps, e.g. Europe/Berlin; none keeps what the table says."""
    time_format: str | None = None
    """strptime, %q quarters, %h half years, as in "%d/%m/%Y"; unix_s, ..., excel; none finds it."""
    separator: str = Field(default=",", min_length=1, max_length=1)
    """Character between the cells of a CSV."""
    decimal: str = Field(default=".", min_length=1, max_length=1)
    """Decimal mark of a CSV."""
    thousands: str = "auto"
    """Mark between thousands in a CSV, e.g. "."; none; auto: none, but refused if it seems so."""
    units: dict[Name, Annotated[str, AfterValidator(formats.unit)]] = Field(default_factory=dict)
    """Marks to take off the numbers of a CSV, by column, e.g. {price: $, share: "%"}."""
    sort: bool = False
    """Put the rows of each series in time order; false: unsorted rows are an error."""
    duplicates: Duplicates = "error"
    """Rows of a series with one time: error, first, last, mean or sum (of targets)."""
    missing: MissingPolicy = "error"
    """Missing rows and empty cells: error, interpolate, forward_fill, or mask (leave the loss)."""
    short_series: Literal["error", "skip"] = "error"
    """A series too short for one training window: error, or skip it with a warning."""
    minimum: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """No target is below it, nor any forecast or interval, e.g. 0 for counts; none: no bound."""
    season: Steps | Literal["auto"] = "auto"
    """Rows in a season, for seasonal naive and MASE; auto takes it from the frequency."""
    past: Covariates = ()
    """Covariates known up to the origin."""
    future: Covariates = ()
    """Covariates known over the horizon as well."""
    static: Covariates = ()
    """Covariates that are constant within a series."""
    calendar: tuple[CalendarName, ...] = ()
    """Calendar covariates as Fourier pairs: minute, hour, dayofweek, day, dayofyear, week, ..."""
    holidays: Holidays | None = None
    """Public holidays as a covariate: the share of the days of each row; none: not."""
    terms: Name | None = None
    """CSV of school terms or other spells, with columns first, last and name; a covariate each."""

    @field_validator("path", "terms")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        return None if value is None else path_text(value)

    @field_validator("separator", "decimal")
    @classmethod
    def _is_a_mark(cls, value: str) -> str:
        return formats.mark(value)

    @field_validator("thousands")
    @classmethod
    def _is_a_mark_of_thousands(cls, value: str) -> str:
        return formats.thousands(value)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        return None if value is None else formats.time_zone(value)

    @field_validator("time_format")
    @classmethod
    def _format_has_fields(cls, value: str | None) -> str | None:
        if value is None or value in (*EPOCHS, EXCEL):
            return value
        return formats.time_format(value)

    @field_validator("calendar")
    @classmethod
    def _calendar_has_no_repeats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [name for number, name in enumerate(value) if name in value[:number]]
        if repeated:
            raise ValueError(f"{repeated[0]!r} appears twice; keep one")
        return value

    @property
    def lowest(self) -> float:
        """`minimum` as a number."""
        return -math.inf if self.minimum is None else self.minimum

    @property
    def ids(self) -> tuple[str, ...]:
        """Columns that name a series together."""
        return (self.id,) if isinstance(self.id, str) else self.id or ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns to forecast."""
        return tuple(each.name if isinstance(each, Label) else each for each in self.target)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of those among them that are labels."""
        return tuple(each.name for each in self.target if isinstance(each, Label))

    @model_validator(mode="after")
    def _marks_differ(self) -> DataConfig:
        require(  # it may be the separator, in numbers in quotes
            self.thousands != self.decimal,
            f"{shown(self.thousands)} is data.decimal as well; a mark has one meaning",
            "thousands",
        )
        return self

    @model_validator(mode="after")
    def _integer_times_are_no_dates(self) -> DataConfig:
        for key in ("time_format", "timezone", "calendar", "holidays", "terms"):
            require(
                not (isinstance(self.frequency, int) and getattr(self, key)),
                f"{key} is for dates, but frequency {self.frequency} is a step of integer"
                f" times; leave {key} out, or give a frequency such as D",
                key,
            )
        return self

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> DataConfig:
        require(self.target, "names no column; name at least one to forecast", "target")
        roles: dict[str, str] = {}
        for role in ("time", "time_parts", "id", "target", "past", "future", "static"):
            for name in self._columns_of(role):
                taken = roles.get(name)
                is_free = taken is None or (taken, role) == ("id", "static")
                reason = f"is in {taken} already; give it one role"
                reason = "is there twice; name it once" if taken == role else reason
                require(is_free, f"column {shown(name)} {reason}", role)
                roles[name] = role
        return self

    def _columns_of(self, role: str) -> tuple[str, ...]:
        value = getattr(self, role)
        if value is None or isinstance(value, str):
            return (value,) if value else ()
        return tuple(getattr(column, "name", column) for column in value)


class SplitConfig(Section):
    """Sequential split of each series; what comes before validation and test is for training.

    In rows, a series of a panel that is too short for both keeps what a training window needs: both
    shrink to a horizon, then it gives up one of them (series by turns), then both.
    """

    validation: int | float | str = 0.1
    """Rows (24), a fraction (0.1), or the date of the first row ("2020-01-01")."""
    test: int | float | str = 0.2
    """Rows, a fraction, or the date of the first row."""

    @field_validator("validation", "test")
    @classmethod
    def _is_a_size_or_a_date(cls, value: int | float | str) -> int | float | str:
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise ValueError(f"{value} rows is not allowed; write 0 or more")
        if isinstance(value, float) and not 0 <= value < 1:
            raise ValueError(f"{value} is no fraction in [0, 1); write rows as a whole number")
        if isinstance(value, str) and not _is_a_time(value):
            raise ValueError(
                f"{shown(value)} is no date; write 2020-01-01, rows (24) or a fraction (0.1)"
            )
        return value


def _is_a_time(text: str) -> bool:
    """Whether a text is an ISO 8601 date (or year, month, quarter), or an integer time."""
    if re.fullmatch(r"-?\d{1,18}|\d{4}-?Q[1-4]|\d{4}-(0[1-9]|1[0-2])", text):
        return True
    clock = r"([ T]\d\d(:\d\d){0,2}(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d" + clock, text):
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


class WindowConfig(Section):
    """The cut of a series into samples."""

    lookback: Steps = 24
    """Rows that the model sees."""
    horizon: Steps = 12
    """Rows that it forecasts."""
    stride: Count = 1
    """Rows between two training windows; evaluation uses every window."""
    least_history: Steps | None = None
    """Known rows that are enough; the first stands for what the lookback lacks; none: all of it."""
    lags: Annotated[tuple[Steps, ...], Field(fail_fast=True, max_length=MOST_LAGS)] = ()
    """Rows back at which targets are read beside each step, e.g. 168 hours for a longer season."""

    @property
    def reach(self) -> int:
        """Rows up to the origin that a window reads: the lookback and the longest lag before it."""
        return self.lookback + max(self.lags, default=0)

    @property
    def rows_read(self) -> int:
        """Known rows up to the origin that a window needs."""
        return min(self.least_history or self.reach, self.reach)

    @field_validator("lags")
    @classmethod
    def _lags_increase(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return increasing(value)
