"""Columns that hold labels, and what suits a table whose targets they are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from forecast.data.labels import MOST_CLASSES
from forecast.init.nearly import are_measures, are_nearly_numbers
from forecast.init.recipe import Recipe
from forecast.init.rules import (
    TableShape,
    is_pooled,
    pooled_lookback,
    small_lookback,
    small_training,
)
from forecast.init.time_column import holds_dates

FEWEST_ROWS = 5
"""Rows a label in the mean; a column with fewer holds names or remarks."""


def holds_labels(column: pd.Series) -> bool:
    """Whether a column that is to be forecast holds texts or truth values, not numbers.

    A column of numbers with a slip or a unit in it is none of labels: its cell is named when it is
    read.
    """
    if pd.api.types.is_bool_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column) or column.dtype.kind in "mM":
        return False
    cells = pd.Series(column.dropna().unique()).astype(str)
    if are_measures(cells):
        return False
    return not are_nearly_numbers(cells)


def label_columns(frame: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Columns of labels that change, each label of which stands in several rows."""
    most = min(MOST_CLASSES, len(frame) // FEWEST_ROWS)
    return [
        name
        for name in candidates
        if holds_labels(frame[name])
        and 2 <= frame[name].nunique() <= most
        and not holds_dates(frame[name], None)
    ]


def label_recipe(shape: TableShape) -> Recipe:
    """A network on labels as they are, with some dropout, for few labels are soon learned by heart.

    Args:
        shape: sizes of the table.
    """
    training = {**small_training(shape), "loss": "cross_entropy"}
    lookback = pooled_lookback(shape) if is_pooled(shape) else small_lookback(shape)
    return Recipe([], 0, lookback, {"hidden_size": "auto", "dropout": 0.1}, training)
