"""Times that tick by no rule: those of a table, and those that are likely to follow them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from forecast.times.calendars import DAY, MONDAY, WEEK

INDEX = "index"
"""The frequency that counts the times of a table one by one."""


def continued(ticks: Int[np.ndarray, " N"], count: int) -> Int[np.ndarray, " count"]:
    """The times that follow: the usual step on, at hours of the week that are among the known ones.

    Trading days go on from Friday to Monday; a step of more than a day is taken as it is.

    Args:
        ticks: rising, in nanoseconds on the wall of a zone.
        count: of times to come.
    """
    steps, counts = np.unique(np.diff(ticks), return_counts=True)
    usual = int(steps[np.argmax(counts)]) if len(steps) else DAY
    ahead = ticks[-1] + usual * np.arange(1, count + 1)
    if usual > DAY or ticks[-1] - ticks[0] < WEEK or not count:
        return np.asarray(ahead)
    week = max(1, WEEK // usual)  # steps after which the hours of the week come again
    coming = ticks[-1] + usual * np.arange(1, week + 1)
    known = np.isin((coming - MONDAY) % WEEK, (ticks - MONDAY) % WEEK)
    if not known.any():
        return np.asarray(ahead)
    places = 1 + np.flatnonzero(known)
    rounds, place = np.divmod(np.arange(count), len(places))
    return np.asarray(ticks[-1] + usual * (rounds * week + places[place]))
