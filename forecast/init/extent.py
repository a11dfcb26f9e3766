"""How long a table is in years, and how much of it is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.data.panel import Panel


def has_years(panel: Panel) -> bool:
    """Whether the longest series has two years, of steps of up to a day."""
    if panel.axis.is_integer:
        return False
    longest = int(np.argmax(panel.lengths))
    ends = panel.starts[longest] + np.array([0, panel.lengths[longest]])
    first, last = panel.axis.dates(ends)
    step = (last - first) / max(int(ends[1] - ends[0]), 1)
    return bool(last - first >= pd.Timedelta(days=730) and step < pd.Timedelta(days=2))


def what_is_filled(panel: Panel) -> str:
    """How much of the table a straight line stands for."""
    return f"  # fills {what_is_missing(panel)} with straight lines; or forward_fill, or mask"


def what_is_missing(panel: Panel) -> str:
    """How many rows, and how many cells of the others, have no value; empty: none."""
    rows = int((~panel.in_table).sum())
    cells = int(np.isnan(panel.values[panel.in_table]).sum())
    parts = [f"{rows} rows of {len(panel.values)}"] if rows else []
    parts += [f"{cells} empty cells"] if cells else []
    return " and ".join(parts)
