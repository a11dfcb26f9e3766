"""The frequency of times, found from their steps; gaps are allowed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int
from pandas.tseries.frequencies import to_offset

from forecast.errors import DataError
from forecast.times.axis import Place, TimeAxis, dates_in, nanoseconds
from forecast.times.calendars import DAY, MONDAY, WEEK, calendar_of, mask_text

FIRST = 1000
"""Rows that tell the frequency of steps that are all alike, e.g. those of months from days."""
LEAST_WEEKS = {True: 4, False: 2}
"""That a table spans, for a weekday without any row to be one without rows; of days and shorter."""
LEAST_SHARE = 0.7
"""Of the ticks of a week mask, that a table has rows for."""
NEARLY_EVEN = 0.2
"""Share of a step by which times of a device are early or late."""
FEW_ALIKE = 0.5
"""Share of steps below which even the usual one is chance."""
MINUTE = 60 * 10**9
FIRST_MONTHS = {"OCT": "JAN", "NOV": "FEB", "DEC": "MAR"}
"""Of quarters that begin in either month."""
INDEXED = "; where none fits, set data.frequency: index, which counts the rows"
NUMBERED = "; where none fits, number the rows (1, 2, 3, ...) and set data.frequency: 1"


class UnevenDaysError(DataError):
    """Days or longer steps that tick by no rule."""


def infer_frequency(
    times: Int[np.ndarray, " N"], timezone: str | None, is_integer: bool, place: Place
) -> str | int:
    """The frequency of sorted, distinct times of one series; gaps are allowed.

    Args:
        times: int64, as `TimeAxis.origin`.
        timezone: zone in which days begin, or None.
        is_integer: whether times are integers rather than dates.
        place: names a row of `times` in messages.

    Raises:
        DataError: if the times do not tick evenly.
    """
    if len(times) < 3:
        raise DataError(
            f"{place(len(times) - 1)}: {len(times)} rows are too few to tell the frequency; set"
            " data.frequency"
        )
    steps = np.diff(times)
    if is_integer:
        return int(np.gcd.reduce(steps))
    # Steps that are all alike tell no more when there are more of them.
    dates = dates_in(timezone, times[:FIRST] if (steps == steps[0]).all() else times)
    inferred = pd.DatetimeIndex(dates, freq="infer").freq  # pandas 3.1 warns of infer_freq
    if inferred is not None and _holds(times, timezone, name := str(inferred.freqstr)):
        return _one_name(name)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    for candidate in _candidates(dates, usual):
        if _ticks_like(times, timezone, candidate, usual):
            return candidate if calendar_of(candidate) else str(to_offset(candidate).freqstr)
    if mask := _week_mask(dates, usual):
        return mask
    if usual % DAY == 0 and _ticks_like(times, timezone, f"{usual // DAY}D", usual):
        return str(to_offset(f"{usual // DAY}D").freqstr)  # in a zone, whose days differ
    if not (steps % usual).any():
        return _of_length(usual)
    raise _uneven(steps, usual, timezone, place)


def _holds(times: Int[np.ndarray, " N"], timezone: str | None, frequency: str) -> bool:
    """Whether all times are ticks of what pandas infers: WOM-4SAT of all Saturdays that end a
    month, some of which are the fifth."""
    return int(TimeAxis(int(times[0]), frequency, timezone).positions(times).min()) >= 0


def _one_name(frequency: str) -> str:
    """Quarters by the first month of a year that begins one: older pandas says QS-OCT of QS-JAN."""
    name, _, month = frequency.partition("-")
    return f"{name}-{FIRST_MONTHS.get(month, month)}" if name.endswith("QS") else frequency


def _of_length(nanoseconds: int) -> str:
    """The frequency of a step that is always as long: D, of which newer pandas makes 24h."""
    days, rest = divmod(nanoseconds, DAY)
    step = f"{days}D" if days and not rest else pd.Timedelta(nanoseconds)
    return str(to_offset(step).freqstr)  # type: ignore[arg-type]


def _candidates(dates: pd.DatetimeIndex, usual: int) -> tuple[str, ...]:
    """Calendar frequencies that data with gaps may have, the rarer ticks first."""
    if usual < pd.Timedelta(days=1).value:
        return ()
    weekday, month = dates[0].day_name()[:3].upper(), dates[0].month_name()[:3].upper()
    days = pd.Timedelta(usual) / pd.Timedelta(days=1)
    months = ("MS", "ME", f"QS-{month}", f"QE-{month}", f"YS-{month}", f"YE-{month}")
    day = int(dates.day.max())
    monthly = (f"MS-{day}",) if day > 1 and 28 <= days <= 31 else ()
    twice = ("SMS", "SME") if 13 <= days <= 16 else ()
    halves = (f"2QS-{month}", f"2QE-{month}") if 181 <= days <= 184 else ()
    return (f"W-{weekday}", *months, "BMS", "BME", "B", *monthly, *halves, *twice)


def _week_mask(dates: pd.DatetimeIndex, usual: int) -> str | None:
    """Days and hours of the week to which the rows keep; None where there is no such rule."""
    if usual > DAY or DAY % usual:
        return None
    walls = nanoseconds(dates.tz_localize(None))
    days, times = np.divmod((walls - MONDAY) % WEEK, DAY)
    weeks = (int(walls[-1]) - int(walls[0])) / WEEK
    if (times % MINUTE).any() or (times % usual != times[0] % usual).any() or weeks < 1:
        return None
    seen = np.unique(days).tolist() if weeks >= LEAST_WEEKS[usual == DAY] else [*range(7)]
    hours = np.unique(times).tolist()
    if len(seen) * len(hours) * usual == WEEK:
        return None
    text = mask_text(_of_length(usual), seen, hours, usual)
    calendar = calendar_of(text)
    assert calendar is not None
    first, last = calendar.numbers(walls[[0, -1]])
    return text if len(walls) >= LEAST_SHARE * (last - first + 1) else None


def _ticks_like(
    times: Int[np.ndarray, " N"], timezone: str | None, frequency: str, usual: int
) -> bool:
    """Whether all times lie on the frequency's grid and the usual step is one of its steps."""
    axis = TimeAxis(int(times[0]), frequency, timezone)
    positions = axis.positions(times)
    if positions.min() < 0:
        return False
    return usual in np.diff(axis.at(np.arange(positions[-1] + 1)))


def _uneven(
    steps: Int[np.ndarray, " N"], usual: int, timezone: str | None, place: Place
) -> DataError:
    row = 1 + int(np.argmax(steps % usual != 0))
    hint = " (data.timezone, if days are local)" if timezone in (None, "UTC") else ""
    kind = DataError if usual < DAY else UnevenDaysError
    are_events = usual < DAY and np.mean(steps == usual) < FEW_ALIKE
    remedy = "; of events, count or add up those of each hour or day first" if are_events else ""
    if (
        MINUTE <= usual < DAY
        and np.abs(steps / usual - np.round(steps / usual)).max() < NEARLY_EVEN
    ):
        remedy = f"; or round the times to {pd.Timedelta(round(usual / MINUTE) * MINUTE)} first"
    return kind(
        f"{place(row)}: the time steps are uneven, {pd.Timedelta(int(steps[row - 1]))} here and"
        f" most often {pd.Timedelta(usual)}; set data.frequency{hint}{INDEXED}{remedy}"
    )
