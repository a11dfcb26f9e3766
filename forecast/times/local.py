"""Local times of a zone as instants; the hour that comes twice is told apart by the rows' order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from forecast.errors import DataError, shown
from forecast.times.axis import Place, first_moments, nanoseconds


def cell_at(place: str, name: str, cell: object) -> str:
    """The begin of a message about a cell."""
    return f"{place}: column {shown(name)} holds {shown(str(cell))}"


def is_zone(name: str) -> bool:
    """Whether there is a time zone of a name."""
    try:
        pd.Timestamp(0, tz=name)
    except (KeyError, ValueError, IndexError, OSError):
        return False
    return True


def localized(
    dates: pd.DatetimeIndex,
    series: Int[np.ndarray, " N"],
    timezone: str | None,
    name: str,
    place: Place,
) -> tuple[Int[np.ndarray, " N"], str | None]:
    """Instants in nanoseconds, and their zone.

    Args:
        dates: with a zone of their own, or on the wall of one.
        series: number of the series of each row.
        timezone: zone of times that have none, and in which days begin; None: as the dates have it.
        name: column of the times.
        place: names a row in messages.

    Raises:
        DataError: for a time that clocks skip, or that comes twice and cannot be told apart.
    """
    dates = dates if dates.unit == "ns" else dates.as_unit("ns")
    if dates.tz is not None:
        written = str(dates.tz)
        return nanoseconds(dates), timezone or (written if is_zone(written) else "UTC")
    if timezone is None:
        return nanoseconds(dates), None
    if np.all(dates == dates.normalize()):
        moments = first_moments(dates, timezone)
        is_skipped = np.asarray(moments.tz_localize(None).normalize() != dates)
        _refuse_wall(is_skipped, dates, f"does not exist in {timezone}", name, place)
        return nanoseconds(moments), timezone
    is_first, is_told = passes(nanoseconds(dates), series)
    local = dates.tz_localize(timezone, ambiguous=is_first, nonexistent="NaT")
    why = f"does not exist in {timezone} (begin of daylight saving time)"
    _refuse_wall(np.asarray(local.isna()), dates, why, name, place)
    unsure = dates.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    unknown = np.asarray(unsure.isna()) & ~is_told
    rows = "rows in no order of time" if (unknown & ~is_first).any() else "one row"
    why = f"happens twice in {timezone} (end of daylight saving time) but has {rows}"
    _refuse_wall(unknown, dates, why, name, place)
    return nanoseconds(local), timezone


def passes(
    walls: Int[np.ndarray, " N"], series: Int[np.ndarray, " N"]
) -> tuple[Bool[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Whether each row is the first pass of its wall time, and whether its two rows tell that.

    Of two rows of a series with one wall time the earlier is the first pass where times rise, and
    the later one where they fall: the rows before and behind the two tell which.
    """
    is_first, is_told = np.ones(len(walls), dtype=bool), np.zeros(len(walls), dtype=bool)
    times = pd.DataFrame({"series": series, "wall": walls})
    twice = np.flatnonzero(times.duplicated(keep=False))
    if not len(twice):
        return is_first, is_told
    order = np.argsort(series, kind="stable")  # series by series, as the table has their rows
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    ranks = times.iloc[twice].assign(rank=rank[twice]).groupby(["series", "wall"])["rank"]
    first, last = ranks.transform("min").to_numpy(), ranks.transform("max").to_numpy()
    rise = _neighbour(order, walls, series, last, 1) - _neighbour(order, walls, series, first, -1)
    is_first[twice] = rank[twice] == np.where(rise >= 0, first, last)
    is_told[twice] = rise != 0
    return is_first, is_told


def _neighbour(
    order: Int[np.ndarray, " N"],
    walls: Int[np.ndarray, " N"],
    series: Int[np.ndarray, " N"],
    rank: Int[np.ndarray, " R"],
    step: int,
) -> Int[np.ndarray, " R"]:
    """Wall times of the rows beside some in their series; at its end, their own."""
    beside = order[np.clip(rank + step, 0, len(order) - 1)]
    own = order[rank]
    return np.asarray(walls[np.where(series[beside] == series[own], beside, own)])


def _refuse_wall(
    bad: Bool[np.ndarray, " N"], dates: pd.DatetimeIndex, why: str, name: str, place: Place
) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{cell_at(place(row), name, dates[row])}, which {why}; mend the time, leave the"
            " row out, or write all times with their UTC offset"
        )
