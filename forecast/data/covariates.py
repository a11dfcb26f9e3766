"""Covariates as the model sees them: scaled numbers, encoded categories, calendar waves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.data.moments import filled_scale, standard
from forecast.data.panel import Panel, looked_up
from forecast.data.special_days import SpecialDays, share_of_days, special_days
from forecast.errors import ConfigError, listed
from forecast.times.axis import TimeAxis

log = logging.getLogger("forecast")

UNSEEN = 0
"""Code of a category that was not in the training rows, and of an empty cell."""

CALENDAR: dict[str, tuple[Callable[[Any], Any], int]] = {
    "minute": (lambda date: date.minute, 60),
    "hour": (lambda date: date.hour + date.minute / 60, 24),
    "dayofweek": (lambda date: date.day_of_week, 7),
    "day": (lambda date: date.day - 1, 31),
    "dayofyear": (lambda date: date.day_of_year - 1, 366),
    "week": (lambda date: date.isocalendar().week.to_numpy(dtype=float) - 1, 53),
    "month": (lambda date: date.month - 1, 12),
    "quarter": (lambda date: date.quarter - 1, 4),
}
"""Name: (value from 0, period)."""


@dataclass(frozen=True)
class FittedCovariate:
    """One column: numbers with location and scale, or categories with their codes from 1."""

    option: Covariate
    location: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that it becomes."""
        if self.option.encoding != "one_hot":
            return (self.option.name,)
        return tuple(f"{self.option.name}={name}" for name in self.categories)

    def encode(
        self, values: Float[np.ndarray, " N"], panel_categories: Sequence[str]
    ) -> Float[np.ndarray, "N columns"]:
        """(N,) numbers or level numbers -> (N, columns).

        Ordinal codes are divided by the number of categories; an embedding keeps its codes.
        """
        if not self.option.is_categorical:
            return np.asarray((values - self.location) / self.scale)[:, None]
        codes = self.codes(values, panel_categories)
        if self.option.encoding == "one_hot":
            is_category = codes[:, None] == np.arange(1, len(self.categories) + 1)
            return np.asarray(is_category, dtype=np.float64)
        divisor = len(self.categories) if self.option.encoding == "ordinal" else 1
        return np.asarray(codes[:, None] / max(divisor, 1))

    def codes(
        self, values: Float[np.ndarray, " N"], panel_categories: Sequence[str]
    ) -> Float[np.ndarray, " N"]:
        """Codes from 1 of the numbers that a panel gives to categories; 0 for what is not known."""
        known = {name: code for code, name in enumerate(self.categories, start=1)}
        table = np.array(
            [*(known.get(name, UNSEEN) for name in panel_categories), UNSEEN], dtype=np.float64
        )
        return looked_up(table, values)


@dataclass(frozen=True)
class FittedCovariates:
    """All covariates in the order of the model's columns: past, future, calendar, days; static."""

    past: tuple[FittedCovariate, ...]
    future: tuple[FittedCovariate, ...]
    static: tuple[FittedCovariate, ...]
    calendar: tuple[str, ...]
    days: tuple[SpecialDays, ...] = ()

    @property
    def past_names(self) -> tuple[str, ...]:
        """Columns known up to the origin."""
        return tuple(name for column in self.past for name in column.names)

    @property
    def future_names(self) -> tuple[str, ...]:
        """Columns known over the horizon as well."""
        names = tuple(name for column in self.future for name in column.names)
        return (*names, *calendar_columns(self.calendar), *(each.name for each in self.days))

    @property
    def static_names(self) -> tuple[str, ...]:
        """Columns that are constant within a series."""
        return tuple(name for column in self.static for name in column.names)

    def encode(
        self, panel: Panel, values: Float[np.ndarray, "R C"], first: int = 0
    ) -> Float[np.ndarray, "R columns"]:
        """(R, P + F) past and future columns, those of calendar and special days, of some rows.

        Args:
            panel: gives columns, panel_categories and times.
            values: (R, C) the panel's values with missing ones filled, from the first row on.
            first: number of that row.
        """
        encoded = _encoded((*self.past, *self.future), values, panel.columns, panel.categories)
        if self.calendar or self.days:
            positions = panel.positions(np.arange(first, first + len(values)))
            encoded.append(calendar_values(panel.axis, positions, self.calendar))
            encoded.append(share_of_days(panel.axis, positions, self.days))
        return np.concatenate([np.empty((len(values), 0)), *encoded], axis=1)

    def encode_static(self, panel: Panel) -> Float[np.ndarray, "S D"]:
        """(S, D) static columns."""
        encoded = _encoded(self.static, panel.static, panel.static_columns, panel.categories)
        return np.concatenate([np.empty((panel.num_series, 0)), *encoded], axis=1)

    def embeddings(self) -> tuple[tuple[str, int, int], ...]:
        """(column name, categories with the unseen one, width) of every learned embedding."""
        return tuple(
            (
                fitted.option.name,
                len(fitted.categories) + 1,
                fitted.option.dimension or min(16, 1 + len(fitted.categories) // 2),
            )
            for fitted in (*self.past, *self.future, *self.static)
            if fitted.option.encoding == "embedding"
        )


def fit_covariates(
    config: DataConfig,
    panel: Panel,
    values: Float[np.ndarray, "N C"],
    rows: Int[np.ndarray, " R"] | Bool[np.ndarray, " N"],
    days: tuple[SpecialDays, ...] | None = None,
) -> FittedCovariates:
    """Fit scales and categories on the training rows alone.

    Args:
        config: names the covariates and their encodings.
        panel: columns and panel_categories.
        values: (N, C) the panel's values with missing ones filled.
        rows: training rows, by number or as a mask.
        days: special days that a model knows; None: those of the configuration.
    """

    def of(columns: Sequence[Covariate]) -> tuple[FittedCovariate, ...]:
        return tuple(
            _fit(column, values[rows, panel.columns.index(column.name)], panel.categories)
            for column in columns
        )

    static: tuple[FittedCovariate, ...] = ()
    if config.static:
        trained = np.unique(panel.series_of(np.arange(len(values))[rows]))
        static = tuple(
            _fit(
                column,
                panel.static[trained, panel.static_columns.index(column.name)],
                panel.categories,
            )
            for column in config.static
        )
    if days is None:
        days = _days_seen(config, panel, lambda: np.arange(len(values))[rows])
    return FittedCovariates(of(config.past), of(config.future), static, config.calendar, days)


def _days_seen(
    config: DataConfig, panel: Panel, rows: Callable[[], Int[np.ndarray, " R"]]
) -> tuple[SpecialDays, ...]:
    """The special days of the configuration; of those without a training row nothing is learned.

    The numbers of the training rows take twice the room of the values: they are asked for late.
    """
    last = int((panel.starts + panel.lengths).max()) - 1
    found = special_days(config, panel.axis, last)
    if not found:
        return ()
    shares = share_of_days(panel.axis, panel.positions(rows()), found)
    is_seen = [bool(column.any()) for column in shares.T]
    if not all(is_seen):
        unseen = [each.name for each, seen in zip(found, is_seen, strict=True) if not seen]
        log.warning("special days that no training row falls on are left out: %s", listed(unseen))
    return tuple(each for each, seen in zip(found, is_seen, strict=True) if seen)


def _encoded(
    fitted: Sequence[FittedCovariate],
    values: Float[np.ndarray, "N C"],
    names: Sequence[str],
    panel_categories: Mapping[str, Sequence[str]],
) -> list[Float[np.ndarray, "N columns"]]:
    """Each covariate encoded; `names` are those of the columns of `values`."""
    return [
        covariate.encode(
            values[:, names.index(covariate.option.name)],
            panel_categories.get(covariate.option.name, ()),
        )
        for covariate in fitted
    ]


def _fit(
    option: Covariate,
    values: Float[np.ndarray, " R"],
    panel_categories: Mapping[str, Sequence[str]],
) -> FittedCovariate:
    if option.is_categorical:
        seen = np.unique(values[~np.isnan(values)]).astype(np.int64).tolist()
        names = panel_categories[option.name]
        return FittedCovariate(option, categories=tuple(sorted(names[each] for each in seen)))
    if option.encoding == "none" or np.isnan(values).all():
        return FittedCovariate(option)
    location, scale = (each[:, None] for each in standard(values[:, None]))  # (1, 1)
    filled = filled_scale(location, scale, scale)
    return FittedCovariate(option, float(location.item()), float(filled.item()))


def calendar_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that `calendar_values` gives."""
    return tuple(f"{name}_{wave}" for name in names for wave in ("sin", "cos"))


def calendar_values(
    axis: TimeAxis, positions: Int[np.ndarray, " N"], names: Sequence[str]
) -> Float[np.ndarray, "N columns"]:
    """sin and cos of 2 pi value / period, for each name.

    Args:
        axis: an axis of dates; hours and days are those of its zone.
        positions: (N,) positions on the axis, which may lie in the future.
        names: keys of `CALENDAR`.

    Returns:
        (N, 2 * len(names)) float64 in [-1, 1].

    Raises:
        ConfigError: if the axis is one of integers.
    """
    if not names:
        return np.empty((len(positions), 0))
    if axis.is_integer:
        raise ConfigError(
            f"data.calendar: {names[0]!r} needs dates, but the times are integers; set"
            " data.time_format, or leave data.calendar out"
        )
    distinct, inverse = np.unique(positions, return_inverse=True)
    dates = axis.dates(distinct)
    waves: list[np.ndarray] = []
    for name in names:
        value, period = CALENDAR[name]
        angle = 2 * np.pi * np.asarray(value(dates), dtype=np.float64) / period
        waves += [np.sin(angle), np.cos(angle)]
    return np.stack(waves, axis=1)[inverse]
