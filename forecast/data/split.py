"""The sequential split of every series into train, validation and test rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from forecast.config.data import SplitConfig
from forecast.data.panel import Offsets, Panel, Ranges, range_mask
from forecast.errors import ConfigError

PARTS = ("train", "validation", "test")


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


def split(panel: Panel, config: SplitConfig) -> Split:
    """Split each series in time order.

    Fractions are rounded down. A date is the first row of its part, in every series.

    Raises:
        ConfigError: if nothing is left for training, or from a given date on.
    """
    ends = panel.offsets[1:]
    test = _first_row(panel, config.test, ends, "split.test")
    validation = _first_row(panel, config.validation, test, "split.validation")
    _refuse_empty("split.validation", config.validation, test - validation)
    _refuse_empty("split.test", config.test, ends - test)
    starts = panel.offsets[:-1]
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


def _first_row(
    panel: Panel, size: int | float | str, ends: Int[np.ndarray, " S"], key: str
) -> Int[np.ndarray, " S"]:
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


def _refuse_empty(key: str, size: int | float | str, rows: Int[np.ndarray, " S"]) -> None:
    if isinstance(size, str) and not rows.any():
        raise ConfigError(
            f"{key} {size}: no rows from then on are left for this part; write an earlier date,"
            " or 0 to go without"
        )
