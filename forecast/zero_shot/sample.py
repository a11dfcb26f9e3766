"""Sample paths of a table: quantiles of every step, joined as the errors on held-out rows were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecast.config.data import DataConfig
from forecast.data.panel import Panel
from forecast.errors import ConfigError, DataError
from forecast.evaluation.baselines import Forecast
from forecast.evaluation.copula import Copula, HeldOutErrors
from forecast.evaluation.marginals import sample_levels, without_middle
from forecast.forecasting.predict import sample_table
from forecast.forecasting.sample import (
    PathSampler,
    Samples,
    log_repeats,
    refuse_many,
    require_numbers,
)
from forecast.zero_shot.calibration import WidthFactors, with_intervals

SAMPLED = (20.0, 40.0, 60.0, 80.0, 95.0)
"""Levels at which the widths are calibrated for samples; those of other levels lie between."""
NO_ERRORS = (
    "no rows were held out whose errors tell how steps go together: sample paths need a longer"
    " table, and folds other than 0"
)


@dataclass(frozen=True)
class Spread:
    """The quantiles of all steps ahead."""

    calibration: WidthFactors
    point: Forecast
    quantiles: Float[np.ndarray, "S H K Q"]
    """Of the network."""
    floor: Float[np.ndarray, "S 1 K"]

    def ends(self, levels: Sequence[float]) -> Float[np.ndarray, "S H K J"]:
        """Lower ends of some intervals, the forecast, upper ends; see `with_intervals`."""
        calibration = self.calibration.at(levels)
        return with_intervals(calibration, self.point, self.quantiles, self.floor)

    def samples(self, part: Int[np.ndarray, " S"], num: int) -> Float[np.ndarray, "S H K n"]:
        """Samples of each step of some series by themselves; NaN without intervals."""
        chosen = Spread(
            self.calibration, *(e[part] for e in (self.point, self.quantiles, self.floor))
        )
        found = without_middle(chosen.ends(sample_levels(num).tolist()), num)
        return np.where(np.isnan(found).any(axis=-1, keepdims=True), np.nan, found)


def sampled(
    data: DataConfig,
    panel: Panel,
    spread: Spread,
    errors: HeldOutErrors | None,
    samples: int,
    seed: int,
) -> Samples:
    """What `QuickForecast.sample` gives.

    Args:
        data: names of columns.
        panel: the table.
        spread: of the steps ahead.
        errors: on the windows that were held out.
        samples, seed: as for `QuickForecast.sample`.
    """
    num, seed = require_numbers(samples, seed)
    copula = None if errors is None else Copula.of(errors, panel.num_series, len(errors.times))
    if copula is None:
        raise ConfigError(NO_ERRORS)
    refuse_many(num, spread.point.shape)
    log_repeats(copula, num)
    paths = PathSampler(copula, num, seed).paths(
        lambda part: spread.samples(part, num),
        spread.point.shape,
        panel.ids,
        np.arange(panel.num_series),
    )
    if np.isinf(paths).any():
        raise DataError(f"{panel.source}: a sample is not finite; its values swing too far")
    table = sample_table(data, panel, paths)
    is_known = table[[*panel.targets]].notna().any(axis=1)
    return Samples(table[is_known].reset_index(drop=True), paths)
