"""What an exported file says of itself, for the program that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast import __version__
from forecast.data.covariates import FittedCovariate
from forecast.data.special_days import SpecialDays
from forecast.export.days import times_ahead
from forecast.forecasting.predict import interval_columns
from forecast.forecasting.trained import TrainedModel

KEY = "forecast"
"""Of the metadata, whose value is JSON."""
FORMAT = 1
UNITS = "as in the training table"


def description(trained: TrainedModel) -> dict[str, Any]:
    """Names, frequency, rows needed, units and categories, as a value of JSON.

    Args:
        trained: the model.
    """
    config, pipeline, tail = trained.config, trained.pipeline, trained.tail
    data, covariates = config.data, pipeline.covariates
    quantiles, combination = trained.quantiles(), trained.combination
    names = {number: name for name, number in interval_columns(quantiles).items()}
    return {
        "format": FORMAT,
        "version": __version__,
        "reads": _reads(trained),
        "units": UNITS,
        "time": data.time,
        "id": data.id if tail.has_ids else None,
        "frequency": tail.axis.frequency,
        "timezone": tail.axis.timezone,
        "season": int(data.season),
        "horizon": config.window.horizon,
        "times_ahead": times_ahead(trained),
        "rows_needed": trained.rows_kept,
        "least_rows": trained.least_rows,
        "missing": pipeline.missing,
        "targets": _targets(trained),
        "past": _columns(covariates.past),
        "future": _columns(covariates.future),
        "static": _columns(covariates.static),
        "calendar": list(covariates.calendar),
        "special_days": [_known(each) for each in covariates.days],
        "partners": [*combination.counting.methods[1:]] if combination else [],
        "series": list(pipeline.ids) if tail.has_ids else [],
        "quantiles": [] if pipeline.labels else [None if np.isnan(q) else q for q in quantiles],
        "columns": [names.get(number, "forecast") for number in range(len(quantiles))],
        "digest": trained.digest,
    }


def _known(special: SpecialDays) -> dict[str, str]:
    """Special days, and from when to when they are known; others count as ordinary ones."""
    first, last = (np.datetime64(day, "D").item() for day in (special.first, special.last))
    return {"name": special.name, "first": first.isoformat(), "last": last.isoformat()}


def _targets(trained: TrainedModel) -> list[dict[str, Any]]:
    names, labels = trained.pipeline.targets, trained.pipeline.labels
    classes = [list(each) for each in labels.classes] if labels else [None] * len(names)
    pairs = zip(names, classes, strict=True)
    return [{"name": name, "categories": None, "labels": known} for name, known in pairs]


def _columns(fitted: Sequence[FittedCovariate]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.option.name,
            "categories": list(each.categories) if each.option.is_categorical else None,
            "labels": None,
        }
        for each in fitted
    ]


def _reads(trained: TrainedModel) -> str:
    is_longer = times_ahead(trained) > trained.config.window.horizon
    return (
        f"The last {trained.rows_kept} rows or more of a series, and forecasts"
        f" {trained.config.window.horizon} steps. history: targets, past and future-known columns,"
        " NaN where missing, categories as codes from 1, labels from 0; future: the horizon;"
        " history_time and future_time: seconds since 1970 on the wall clock; series: place in the"
        " list of series. NaN comes of rows that do not suffice."
        + (" future_time has the time of the step after the horizon, too." * is_longer)
    )
