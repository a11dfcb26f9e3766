"""Suites of many tables, and how forecasts of them are scored: MASE over seasonal naive's.

A suite is a Parquet file `unique_id, ds, y, is_test`; `sets.csv` says its season and horizon. In
suites named `single_*` every series is a table of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KEYS = ["unique_id", "ds"]
NAIVE2_OF_M4_YEARLY = {"smape": 16.342, "mase": 3.974}
"""Published scores of the competition's reference on all 23,000 series."""
LEAST_ROWS = 3
"""Rows that a series must keep to be forecast at all."""
COVERED = ("lo-80", "hi-80")


@dataclass(frozen=True)
class Suite:
    """One file of tables, without the rows that nobody may look at."""

    name: str
    season: int
    horizon: int
    known: pd.DataFrame
    """What a training may see: unique_id, ds, y."""
    held_out: pd.DataFrame
    """The rows after them, `horizon` of each series."""

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and rows of each table that is trained by itself."""
        if not self.name.startswith("single_"):
            yield "all", self.known
            return
        for name, rows in self.known.groupby("unique_id", sort=False):
            yield str(name), rows


def read_suites(folder: Path, only: Sequence[str], validate: bool) -> Iterator[Suite]:
    """The suites of a folder, in the order of its sets.csv.

    Args:
        folder: holds sets.csv and a Parquet file a suite.
        only: names of those that are wanted; none: all.
        validate: hold out the last rows before the test rows, which are then not seen at all.
    """
    sets = pd.read_csv(folder / "sets.csv")
    unknown = set(only) - set(sets["set"])
    if unknown:
        raise SystemExit(f"no suite {', '.join(sorted(unknown))} in {folder / 'sets.csv'}")
    for row in sets.itertuples():
        if not only or row.set in only:
            frame = pd.read_parquet(folder / f"{row.set}.parquet").sort_values(KEYS, kind="stable")
            frame["unique_id"] = frame["unique_id"].astype(str)
            known, held_out = divided(frame, int(row.horizon), validate)
            yield Suite(str(row.set), int(row.season), int(row.horizon), known, held_out)


def divided(frame: pd.DataFrame, horizon: int, validate: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known and what is forecast; series that keep fewer than three rows are left out."""
    known, held_out = frame[~frame.is_test], frame[frame.is_test]
    if validate:
        from_end = known.groupby("unique_id").cumcount(ascending=False)
        known, held_out = known[from_end >= horizon], known[from_end < horizon]
    rows = known.groupby("unique_id").size()
    enough = rows.index[rows >= LEAST_ROWS]
    known, held_out = (part[part.unique_id.isin(enough)] for part in (known, held_out))
    columns = [*KEYS, "y"]
    return known[columns].reset_index(drop=True), held_out[columns].reset_index(drop=True)


def lag_of(values: np.ndarray, season: int) -> int:
    """Rows back to which changes are measured: a season, 1 where a series is no longer."""
    return season if len(values) > season else 1


def seasonal_naive(known: pd.DataFrame, horizon: int, season: int) -> dict[str, np.ndarray]:
    """The last season of each series, again and again."""
    forecasts = {}
    for name, rows in known.groupby("unique_id", sort=False):
        values = rows.y.ffill().to_numpy(float)
        lag = lag_of(values, season)
        forecasts[str(name)] = values[-lag:][np.arange(horizon) % lag]
    return forecasts


def score(
    known: pd.DataFrame,
    held_out: pd.DataFrame,
    forecast: pd.DataFrame | None,
    season: int,
) -> dict[str, Any]:
    """Scores of the forecasts of some series, each a mean over series.

    Seasonal naive stands in for a series that is not forecast to its end, at its own times.

    Args:
        known: rows before the forecast.
        held_out: what happened; missing values do not count.
        forecast: unique_id, ds, forecast, and lo-80, hi-80 where there are intervals; None: of
            seasonal naive itself.
        season: rows.

    Returns:
        `series` that have a scale, `mase` and `smape` of the forecast, `naive_mase`; `coverage` of
        the 80 % intervals in percent or None; `stood_in`, series that seasonal naive stands in for.
    """
    horizon = int(held_out.groupby("unique_id").size().max())
    naive = seasonal_naive(known, horizon, season)
    columns = [name for name in ("forecast", *COVERED) if forecast is not None and name in forecast]
    joined = (
        held_out if forecast is None else held_out.merge(forecast[KEYS + columns], "left", KEYS)
    )
    of_series = dict(list(joined.groupby("unique_id", sort=False)))
    found, held, stood_in = [], [], 0
    for name, rows in known.groupby("unique_id", sort=False):
        actual = of_series[name].y.to_numpy(float)
        theirs = naive[name][: len(actual)]
        ours = theirs if forecast is None else of_series[name].forecast.to_numpy(float)
        if not np.isfinite(ours).all():
            ours, stood_in = theirs, stood_in + 1
        elif set(COVERED) <= set(columns):
            low, high = (of_series[name][end].to_numpy(float) for end in COVERED)
            held += ((low <= actual) & (actual <= high))[~np.isnan(actual)].tolist()
        values = rows.y.to_numpy(float)
        lag = lag_of(values, season)
        scale = np.nanmean(np.abs(values[lag:] - values[:-lag]))
        if scale > 0 and not np.isnan(actual).all():
            error = np.abs(ours - actual)
            size = np.abs(ours) + np.abs(actual)
            symmetric = np.divide(200 * error, size, out=np.zeros_like(error), where=size > 0)
            mase, naive_mase = (
                np.nanmean(error) / scale,
                np.nanmean(np.abs(theirs - actual)) / scale,
            )
            found.append((mase, naive_mase, np.nanmean(symmetric)))
    means = np.mean(found, axis=0) if found else [np.nan] * 3
    names = ("mase", "naive_mase", "smape")
    coverage = 100 * float(np.mean(held)) if held else None
    scores = {key: float(value) for key, value in zip(names, means, strict=True)}
    return {"series": len(found), **scores, "coverage": coverage, "stood_in": stood_in}


def pooled(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores of a method on the tables of a suite, each series counting alike."""
    lines = [line for line in lines if line["series"]]
    weights = [line["series"] for line in lines]
    means = {
        key: float(np.average([line[key] for line in lines], weights=weights)) if lines else np.nan
        for key in ("mase", "naive_mase", "smape")
    }
    known = [line for line in lines if line["coverage"] is not None]
    shares = [line["coverage"] for line in known]
    counts = [line["series"] for line in known]
    coverage = float(np.average(shares, weights=counts)) if known else None
    ratio = means["mase"] / means["naive_mase"]
    return {**means, "ratio": ratio, "coverage": coverage}


def owa(scores: Mapping[str, float]) -> float:
    """Overall weighted average of M4 yearly, against the published scores of Naive2."""
    return float(np.mean([scores[key] / naive2 for key, naive2 in NAIVE2_OF_M4_YEARLY.items()]))
