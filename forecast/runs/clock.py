"""Times as people say them: how long something takes, and when it will end."""

from __future__ import annotations

import datetime


def duration_in_words(seconds: float) -> str:
    """A time in a unit that suits it: 119 s, 10 min, 2.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def end_in_words(seconds: float, now: datetime.datetime | None = None) -> str:
    """When something ends that takes so long: by the clock, and from now on.

    Args:
        seconds: from now on.
        now: local time; None: what the clock says.
    """
    begun = now or datetime.datetime.now().astimezone()
    end = begun + datetime.timedelta(seconds=seconds)
    form = "%H:%M" if end.date() == begun.date() else "%Y-%m-%d %H:%M"
    return f"ends at about {end.strftime(form)}, in {duration_in_words(seconds)}"
