"""The sequential split of every series into train, validation and test rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from forecast.config.windows import SplitConfig
from forecast.data.panel import Offsets, Panel, Ranges, range_mask
from forecast.errors import ConfigError

PARTS = ("train", "validation", "test")
Rows = Int[np.ndarray, " S"]
"""A row, or a number of rows, of each series."""


@dataclass(frozen=True)
class Split:
    """Row ranges of the parts; each is (S, 2): first row and row after the last of each series."""

    train: Ranges
    validation: Ranges
    test: Ranges

    def train_rows(self) -> Bool[np.ndarray, " N"]:
        """(N,) whether each row is one of training."""
        return range_mask(self.train, int(self.test[-1, 1]))

    def offsets(self) -> Offsets:
        """(3S + 1,) offsets of all parts of all series, in row order."""
        edges = np.column_stack([self.train, self.validation[:, 1], self.test[:, 1]])
        return np.append(edges[:, :3].ravel(), edges[-1, 3])


def split(panel: Panel, config: SplitConfig, train_rows: int = 1, horizon: int = 1) -> Split:
    """Split each series in time order.

    Fractions are rounded down. A date is the first row of its part, in every series. Parts given in
    rows never use up a series of a panel: see `_given_back`.

    Args:
        panel: one series or more.
        config: sizes of validation and test.
        train_rows: rows that a series needs to be trained on.
        horizon: rows that a part needs to hold a forecast.

    Raises:
        ConfigError: if nothing is left for training, or from a given date on.
    """
    starts, ends = panel.offsets[:-1], panel.offsets[1:]
    test = _first_row(panel, config.test, ends, "split.test")
    validation = _first_row(panel, config.validation, test, "split.validation")
    _refuse_empty("split.validation", config.validation, test - validation)
    _refuse_empty("split.test", config.test, ends - test)
    if panel.num_series > 1:
        validation, test = _given_back(panel, config, train_rows, horizon, validation, test)
    if not (validation > starts).any():
        raise ConfigError(
            f"split.validation {config.validation} and split.test {config.test} leave no rows for"
            f" training; the longest series of {panel.source} has {int(panel.lengths.max())} rows"
            "; take fewer"
        )
    return Split(
        train=np.column_stack([starts, validation]),
        validation=np.column_stack([validation, test]),
        test=np.column_stack([test, ends]),
    )


def _given_back(
    panel: Panel, config: SplitConfig, train_rows: int, horizon: int, validation: Rows, test: Rows
) -> tuple[Rows, Rows]:
    """First rows of validation and test where short series give rows of them back to training.

    A part given in rows is taken from what a series can spare beside its training rows. If that is
    too little for both, each is cut down to a horizon; if it is enough for one of them only, the
    series give up validation and test in turn, so that both are made of many series; if it is
    enough for neither, the series is for training alone. If a part would be empty in all
    series, none gives anything back.

    Args:
        panel, config, train_rows, horizon: as for `split`.
        validation, test: first rows as the configuration asks for them.
    """
    starts, ends = panel.offsets[:-1], panel.offsets[1:]
    wanted, size = config.test, config.validation
    first_test, first_validation = test, validation
    if isinstance(wanted, int) and isinstance(size, int):
        of_validation, of_test = _claims(panel.lengths - train_rows, size, wanted, horizon)
        first_test = ends - of_test
        first_validation = first_test - of_validation
    elif isinstance(wanted, int):
        first_test = ends - _useful(wanted, panel.lengths - train_rows, horizon)
        first_validation = _first_row(panel, size, first_test, "split.validation")
    elif isinstance(size, int):
        first_validation = test - _useful(size, test - starts - train_rows, horizon)
    is_lost = [
        (after > before).any() and not (new_after > new_before).any()
        for before, after, new_before, new_after in (
            (validation, test, first_validation, first_test),
            (test, ends, first_test, ends),
        )
    ]
    return (validation, test) if any(is_lost) else (first_validation, first_test)


def _claims(spare: Rows, validation: int, test: int, horizon: int) -> tuple[Rows, Rows]:
    """Rows of validation and test in each series.

    Args:
        spare: what each has beside its training rows.
        validation, test: as asked for.
        horizon: rows below which a part is of no use.
    """
    least_validation, least_test = min(validation, horizon), min(test, horizon)
    has_both = spare >= least_validation + least_test
    has_one = ~has_both & (spare >= min(least_validation, least_test))
    is_tested = ~has_one | (np.cumsum(has_one) % 2 == 1)  # in turn
    of_test = np.where(is_tested, spare - has_both * least_validation, 0)
    of_test = _useful(test, of_test, horizon)
    of_validation = _useful(validation, spare - of_test, horizon)
    # Rows that are too few for validation go to test after all.
    return of_validation, np.maximum(of_test, _useful(test, spare - of_validation, horizon))


def _useful(size: int, spare: Rows, horizon: int) -> Rows:
    """Rows of a part: as asked for, less where there are less, none if they hold no horizon."""
    rows = np.clip(spare, 0, size)
    return np.where(rows >= min(size, horizon), rows, 0)


def _first_row(panel: Panel, size: int | float | str, ends: Rows, key: str) -> Rows:
    """(S,) first row of a part that reaches to `ends`."""
    starts = panel.offsets[:-1]
    if isinstance(size, str):
        try:
            position = panel.axis.first_at_or_after(size)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None
        return np.asarray(np.clip(starts + position - panel.starts, starts, ends))
    # 100 * 0.29 is a hair below 29.
    rows = np.floor(panel.lengths * size + 1e-9) if isinstance(size, float) else np.array(size)
    return np.asarray(np.maximum(ends - rows.astype(np.int64), starts))


def _refuse_empty(key: str, size: int | float | str, rows: Rows) -> None:
    if isinstance(size, str) and not rows.any():
        raise ConfigError(
            f"{key} {size}: no rows from then on are left for this part; write an earlier date,"
            " or 0 to go without"
        )
