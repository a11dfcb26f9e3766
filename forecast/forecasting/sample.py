"""Sample paths: quantiles of every step, joined in the way the errors of the model occurred."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from forecast.data.panel import Panel
from forecast.data.pipeline import Pipeline
from forecast.errors import ConfigError, shown
from forecast.evaluation.copula import Copula, schaake_shuffle
from forecast.evaluation.intervals import with_intervals
from forecast.evaluation.levels import Levels
from forecast.evaluation.marginals import quantile_samples, sample_radii, without_middle
from forecast.forecasting.history import INFINITE_INTERVALS, refuse_infinite
from forecast.forecasting.predict import sample_table
from forecast.tables.frames import TableOrPath

if TYPE_CHECKING:
    import pandas as pd

    from forecast.forecasting.trained import TrainedModel

log = logging.getLogger("forecast")

FEWEST_SAMPLES, MOST_SAMPLES = 2, 10_000
MOST_NUMBERS, AT_ONCE = 2**26, 2**22
"""Numbers in all samples together at most, and while they are made."""
NO_PATHS = (
    "the model keeps no errors to make sample paths from; train it with a validation or a test"
    " part, and with intervals.levels"
)


class Samples(NamedTuple):
    """Sample paths, as a table and as an array."""

    table: pd.DataFrame
    """Columns id (if the table has one), time, sample (from 0 on), and one for each target."""
    values: Float[np.ndarray, "n S H K"]
    """The same numbers; series in the order of the table."""


def sampled(
    model: TrainedModel,
    history: Panel,
    future: TableOrPath | None,
    horizon: int | None,
    samples: int,
    seed: int,
) -> Samples:
    """What `TrainedModel.sample` gives.

    Args:
        model: with the copula of its errors.
        history: all rows that are known.
        future, horizon, samples, seed: as for `TrainedModel.sample`.

    Returns:
        The paths, as a table and as an array.

    Raises:
        ConfigError: for labels, or a model that keeps no errors.
        DataError: for a history that is too short or of other columns.
    """
    copula, num, seed = require_paths(model, samples, seed)
    level: Levels = None if model.is_quantile_model else []
    panel, values = model.forecast_panel(history, future, horizon, level)
    refuse_many(num, values.shape[:3])
    if values.shape[1] > model.config.window.horizon:
        log.warning("steps beyond the trained horizon have samples like those of its last step")
    if len(history.ids) != panel.num_series:
        history = history.select(np.array([history.numbers[name] for name in panel.ids]))
    groups = model.pipeline.with_series_of(panel).series_numbers(panel.ids)

    def marginals(part: Int[np.ndarray, " S"]) -> Float[np.ndarray, "S H K n"]:
        return _marginals(model, values[part], history.select(part), num)

    paths = PathSampler(copula, num, seed).paths(marginals, values.shape[:3], panel.ids, groups)
    refuse_infinite(np.moveaxis(paths, 0, -1), panel, INFINITE_INTERVALS)
    return Samples(sample_table(model.config.data, panel, paths), paths)


class PathSampler(NamedTuple):
    """Which samples of each step come together in a path."""

    copula: Copula
    num: int
    seed: int

    def paths(
        self,
        marginals: Callable[[Int[np.ndarray, " part"]], Float[np.ndarray, "part H K n"]],
        shape: tuple[int, ...],
        names: Sequence[str],
        groups: Int[np.ndarray, " S"],
    ) -> Float[np.ndarray, "n S H K"]:
        """Sample paths of some series.

        Args:
            marginals: gives samples of each step by themselves, of series by their places.
            shape: series, steps, targets.
            names: of the series.
            groups: see `Copula.draw`.
        """
        paths = np.empty((self.num, *shape))
        parts = min(shape[0], -(-paths.size // AT_ONCE))
        for part in np.array_split(np.arange(shape[0]), parts):
            ids = [names[number] for number in part]
            ranks = self.copula.draw(self.num, shape[1], ids, groups[part], self.seed)
            paths[:, part] = np.moveaxis(schaake_shuffle(marginals(part), ranks), 1, 0)
        return paths


def refuse_many(num: int, shape: tuple[int, ...]) -> None:
    """Raise a ConfigError for more numbers than fit into memory.

    Args:
        num: samples.
        shape: series, steps, targets.
    """
    numbers = num * math.prod(shape)
    if numbers > MOST_NUMBERS:
        raise ConfigError(
            f"{num} samples of {shape[0]} series are {numbers} numbers, more than"
            f" {MOST_NUMBERS}; ask for fewer samples, or give fewer series at a time"
        )


def require_paths(model: TrainedModel, samples: int, seed: int) -> tuple[Copula, int, int]:
    """The copula, samples and seed; a ConfigError where there can be no such paths."""
    return copula_of(model), *require_numbers(samples, seed)


def require_numbers(samples: int, seed: int) -> tuple[int, int]:
    """Samples and seed; a ConfigError where they cannot be such."""
    num = _whole("samples", samples, FEWEST_SAMPLES, MOST_SAMPLES)
    return num, _whole("seed", seed, 0)


def log_repeats(copula: Copula, samples: int) -> None:
    """Say that there are more samples than errors to make them of, if it is so."""
    kept = len(copula.ranks)
    if samples > kept:
        log.info("%d samples along %d past trajectories, each taken several times", samples, kept)


def _whole(name: str, value: object, least: int, most: int = 2**32 - 1) -> int:
    """A whole number within bounds, or a ConfigError that names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ConfigError(f"{name} {shown(value)} is not allowed; give a whole number")
    if not least <= value <= most:
        raise ConfigError(f"{name} {shown(int(value))} is not allowed; give {least} to {most}")
    return int(value)


def copula_of(model: TrainedModel) -> Copula:
    """How the errors of a model go together; a ConfigError where there can be no paths of it."""
    if model.pipeline.labels:
        raise ConfigError(
            "labels have no sample paths: the columns p-<label> tell how probable each is; leave"
            " samples out"
        )
    has_marginals = model.is_quantile_model or (
        model.calibration is not None and sample_radii(model.calibration, 2) is not None
    )
    if model.copula is None or not has_marginals:
        raise ConfigError(NO_PATHS)
    return model.copula


def _marginals(
    model: TrainedModel, values: Float[np.ndarray, "S H K Q"], history: Panel, num: int
) -> Float[np.ndarray, "S H K n"]:
    """Samples of each step by themselves.

    Args:
        model: tells what is known of its errors.
        values: all quantiles of a quantile model, or the point forecast.
        history: all rows that are known of these series.
        num: samples.
    """
    if model.is_quantile_model:
        found = quantile_samples(values, model.trained_quantiles, num)
    else:
        assert model.calibration is not None
        radii = sample_radii(model.calibration, num)
        assert radii is not None
        pipeline = model.pipeline.with_series_of(history)
        season = int(model.config.data.season)
        ends = with_intervals(values, model.calibration, radii, pipeline, history, season)
        found = without_middle(ends, num)
    return as_targets(found, model.pipeline)


def as_targets(samples: Float[np.ndarray, "*any"], pipeline: Pipeline) -> Float[np.ndarray, "*any"]:
    """Samples as values of the target may be: whole numbers of counts, none below the minimum."""
    distribution = pipeline.distribution
    whole = np.rint(samples) if distribution and distribution.whole_numbers else samples
    return np.asarray(np.maximum(whole, pipeline.minimum))
