"""One number that tells whether two tables say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from forecast.data.panel import Panel
from forecast.data.special_days import SpecialDays


def data_digest(panel: Panel, days: Sequence[SpecialDays] = ()) -> str:
    """Of all that the table said: values, times, series, columns, categories; and special days."""
    names = (panel.ids, panel.axis, panel.columns, panel.static_columns, panel.categories, *days)
    digest = hashlib.sha256(repr(names).encode())
    for array in (panel.values, panel.offsets, panel.starts, panel.static):
        digest.update(np.ascontiguousarray(array).data)  # without a copy of all values
    return digest.hexdigest()
