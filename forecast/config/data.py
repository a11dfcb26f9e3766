"""What a configuration says about the table: where it is, and what its columns mean."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from forecast.config import formats
from forecast.config.covariates import Covariates
from forecast.config.days import Holidays
from forecast.config.labels import Label, Targets
from forecast.config.options import Name, Section, Steps, path_text, require
from forecast.errors import shown

Duplicates = Literal["error", "first", "last", "mean", "sum"]
MissingPolicy = Literal["error", "interpolate", "forward_fill", "mask"]
Step = Annotated[int, Field(gt=0, le=10**18)]
"""Of integer times, which may be nanoseconds."""
EPOCHS = {"unix_s": 10**9, "unix_ms": 10**6, "unix_us": 10**3, "unix_ns": 1}
"""Formats of times that count from 1970 on, and the nanoseconds of one."""
EXCEL = "excel"
"""The format of times that are days since 1899-12-30, with the time of day as a fraction."""
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
