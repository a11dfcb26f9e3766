"""What a configuration says about the data: table, covariates, transforms, split, windows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveInt,
    field_validator,
    model_serializer,
    model_validator,
)

from forecast.section import Option, Section, choice, table

Missing = Literal["error", "interpolate", "forward_fill", "mask"]
Scope = Literal["per_series", "global"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
]


def _named(value: object) -> object:
    """`price` is `{name: price}`; `{shop: {encoding: ...}}` is `{name: shop, encoding: ...}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1:
        (name, options), *_ = value.items()
        if isinstance(options, dict):
            return {"name": name, **options}
    return value


class Covariate(Section):
    """A column that helps to forecast: `price`, or `{shop: {encoding: embedding}}`."""

    name: str
    """Column of the table."""
    encoding: Literal["standardize", "none", "ordinal", "one_hot", "embedding"] = "standardize"
    """Numbers are standardised or left (none); categories become ordinal, one_hot or embedding."""
    dimension: PositiveInt | None = None
    """Width of an embedding; none: min(16, 1 + categories / 2)."""

    @property
    def is_categorical(self) -> bool:
        """Whether the column holds categories rather than numbers."""
        return self.encoding in ("ordinal", "one_hot", "embedding")

    @model_serializer
    def _shortest(self) -> str | dict[str, dict[str, Any]]:
        if self == Covariate(name=self.name):
            return self.name
        options: dict[str, Any] = {"encoding": self.encoding}
        if self.dimension is not None:
            options["dimension"] = self.dimension
        return {self.name: options}


Covariates = tuple[
    Annotated[
        Covariate,
        BeforeValidator(_named, json_schema_input_type=str | dict[str, dict[str, str | int]]),
    ],
    ...,
]
CalendarName = Literal[
    "minute", "hour", "dayofweek", "day", "dayofyear", "week", "month", "quarter"
]


class DataConfig(Section):
    """The table: where it is and what its columns mean."""

    path: str
    """CSV or Parquet file; relative to the working folder, else to the configuration."""
    time: str = "ds"
    """Column of time stamps or integers."""
    target: Names = ("y",)
    """Column or columns to forecast."""
    id: str | None = "unique_id"
    """Column that names the series of a long table; without such a column there is one series."""
    frequency: Annotated[str | PositiveInt, Field(union_mode="left_to_right")] = "auto"
    """Pandas offset such as h, D, W-SUN, MS; a step for integer times; auto infers it."""
    timezone: str | None = None
    """Zone of local time stamps, e.g. Europe/Berlin; none keeps what the table says."""
    time_format: str | None = None
    """strptime format of the time column, e.g. "%d/%m/%Y"; none expects ISO 8601."""
    separator: str = Field(default=",", min_length=1, max_length=1)
    """Character between the cells of a CSV."""
    decimal: str = Field(default=".", min_length=1, max_length=1)
    """Decimal mark of a CSV."""
    sort: bool = False
    """Put the rows of each series in time order; false: unsorted rows are an error."""
    missing: Missing = "error"
    """Missing rows and empty cells: error, interpolate, forward_fill, or mask (leave the loss)."""
    short_series: Literal["error", "skip"] = "error"
    """A series too short for one training window: error, or skip it with a warning."""
    season: Annotated[str | PositiveInt, Field(union_mode="left_to_right")] = "auto"
    """Rows in a season, for seasonal naive and MASE; auto takes it from the frequency."""
    past: Covariates = ()
    """Covariates known up to the origin."""
    future: Covariates = ()
    """Covariates known over the horizon as well."""
    static: Covariates = ()
    """Covariates that are constant within a series."""
    calendar: tuple[CalendarName, ...] = ()
    """Calendar covariates as Fourier pairs: minute, hour, dayofweek, day, dayofyear, week, ..."""

    @field_validator("season")
    @classmethod
    def _season_is_auto_or_rows(cls, value: str | int) -> str | int:
        if isinstance(value, str) and value != "auto":
            raise ValueError("must be auto or a number of rows")
        return value

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> DataConfig:
        covariates = [c.name for c in (*self.past, *self.future, *self.static)]
        names = [self.time, *self.target, *covariates]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"column {repeated[0]!r} has two roles; give it one")
        if not self.target:
            raise ValueError("target must name at least one column")
        return self


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
    scope: Scope = "per_series"


class Difference(Option):
    """Difference to the row `lag` earlier, `order` times; lag auto: season and order by tests."""

    name: Literal["difference"] = "difference"
    lag: PositiveInt | Literal["auto"] = 1
    order: PositiveInt = 1


class Standardize(Option):
    """Mean 0, population standard deviation 1."""

    name: Literal["standardize"] = "standardize"
    scope: Scope = "per_series"


class MinMax(Option):
    """Minimum 0, maximum 1."""

    name: Literal["min_max"] = "min_max"
    scope: Scope = "per_series"


class Robust(Option):
    """Median 0, interquartile range 1."""

    name: Literal["robust"] = "robust"
    scope: Scope = "per_series"


TRANSFORM_OPTIONS = table(Log, Log1p, Power, Difference, Standardize, MinMax, Robust)
TransformOption = Annotated[
    Log | Log1p | Power | Difference | Standardize | MinMax | Robust,
    Field(discriminator="name"),
    choice(TRANSFORM_OPTIONS),
]
Transforms = tuple[TransformOption, ...]


class SplitConfig(Section):
    """Sequential split of each series; what comes before validation and test is for training."""

    validation: int | float | str = 0.1
    """Rows (24), a fraction (0.1), or the date of the first row ("2020-01-01")."""
    test: int | float | str = 0.2
    """Rows, a fraction, or the date of the first row."""

    @field_validator("validation", "test")
    @classmethod
    def _not_negative(cls, value: int | float | str) -> int | float | str:
        if isinstance(value, int) and value < 0:
            raise ValueError(f"{value} rows is not allowed; write 0 or more")
        if isinstance(value, float) and not 0 <= value < 1:
            raise ValueError(f"{value} is no fraction in [0, 1); write rows as an integer")
        return value


class WindowConfig(Section):
    """The cut of a series into samples."""

    lookback: PositiveInt = 24
    """Rows that the model sees."""
    horizon: PositiveInt = 12
    """Rows that it forecasts."""
    stride: PositiveInt = 1
    """Rows between two training windows; evaluation uses every window."""
