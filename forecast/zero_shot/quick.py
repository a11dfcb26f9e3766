"""A forecast without configuration and training, from a table to its result."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from forecast.data.checks import doubtful, local_time_remedy
from forecast.data.panel import Panel
from forecast.errors import FEW_NAMES, ConfigError, DataError, did_you_mean, listed, shown
from forecast.evaluation.baselines import History
from forecast.evaluation.levels import interval_quantiles
from forecast.forecasting.predict import forecast_table
from forecast.init.extent import what_is_missing
from forecast.init.sizes import HORIZONS, LONGEST_HORIZON
from forecast.init.unconfigured import Unconfigured, season_of
from forecast.partners.ridge import has_weeks
from forecast.partners.table import rows_read
from forecast.partners.weights import PRETRAINED, RIDGE, SMOOTHING, weights_by_name
from forecast.zero_shot.judge import Judged, judge
from forecast.zero_shot.methods import LEAST_VALUES, OTHERS, Table, fitted, forecasts
from forecast.zero_shot.result import QuickForecast
from forecast.zero_shot.sample import SAMPLED, Spread

log = logging.getLogger("forecast")

MOST_ROWS = 300_000
"""Of all series together: beyond, partners are not asked, which take longer than the network, and
this forecasts from whole histories alone."""

MOST_STEPS = 100 * LONGEST_HORIZON
"""That are forecast; what is forecast from forecasts says nothing in the end."""


def quick_forecast(
    found: Unconfigured,
    horizon: int | None,
    season: int | None,
    levels: Sequence[float],
    folds: int | None,
    partners: Sequence[str] | None,
) -> QuickForecast:
    """Forecast the steps after the last row of every series.

    Args:
        found: the table.
        horizon: steps; None: by the season.
        season: rows; None: by the frequency, of integer times by the values.
        levels: of the intervals in percent, rising.
        folds: origins of a series at which the methods are judged; 0: none, None: by its size.
        partners: of `OTHERS`; weights decide what they count. None: theta and ets, where the table
            is not too large for them, and ridge where weeks of hours can be learned.

    Returns:
        The forecast, its scores on the held-out rows, and the weights of the methods.

    Raises:
        ConfigError: for a horizon, a season, a number of folds or a partner that cannot be.
        DataError: for a table without a value to forecast from.
    """
    _refuse(found, horizon, folds, partners or ())
    panel = found.panel
    season = season_of(panel.source, panel, season)
    horizon = horizon or min(HORIZONS.get(season, season), LONGEST_HORIZON)
    history = History(panel.values[:, : panel.num_targets], panel.offsets, season)
    rows = _rows(panel, season)
    table = Table(history, is_large=rows > MOST_ROWS)
    partners = _affordable(table, rows, horizon) if partners is None else partners
    _warn_of_table(found)
    judged = judge(panel, table, horizon, sorted({*levels, *SAMPLED}), folds, partners)

    _warn_of_short(found, table.known_at(panel.offsets[1:] - 1))
    spread = _spread(judged, partners, table, horizon)
    parts = spread.ends(levels)
    if np.isinf(parts).any():
        raise DataError(f"{panel.source}: a forecast is not finite; its values swing too far")
    quantiles = interval_quantiles(levels)
    written = forecast_table(found.data, panel, parts, quantiles)
    return QuickForecast(
        forecast=written[written["forecast"].notna()].reset_index(drop=True),
        scores=judged.scores,
        weights=weights_by_name(panel.targets, (PRETRAINED, *partners), judged.weights.tolist()),
        verdict=judged.verdict,
        windows=judged.windows,
        season=season,
        quantiles=quantiles,
        panel=panel,
        values=parts,
        data=found.data,
        spread=spread,
        errors=judged.errors,
    )


def _spread(judged: Judged, partners: Sequence[str], table: Table, horizon: int) -> Spread:
    """The steps ahead, by the methods that count; the network's quantiles make the intervals."""
    counts = np.flatnonzero((judged.weights[:, 1:] > 0).any(axis=0)).tolist()
    counting = [partners[number] for number in counts]
    ends = table.history.offsets[1:] - 1
    ahead = forecasts(table, ends, horizon, fitted(counting, table, ends, horizon))
    point = ahead.combined(judged.weights[:, [0, *(1 + number for number in counts)]])
    return Spread(judged.calibration, point, ahead.quantiles, ahead.floor)


def _refuse(
    found: Unconfigured, horizon: int | None, folds: int | None, partners: Sequence[str]
) -> None:
    if horizon is not None and horizon < 1:
        raise ConfigError(f"horizon {horizon} is not allowed; ask for 1 step or more")
    if horizon is not None and horizon > MOST_STEPS:
        raise ConfigError(
            f"horizon {shown(horizon)} is too far; ask for {MOST_STEPS} steps or fewer"
        )
    if folds is not None and folds < 0:
        raise ConfigError(f"folds {folds} is not allowed; give 0 (none) or more")
    for name in partners:
        if name not in OTHERS:
            raise ConfigError(f"no partner {name!r}; {did_you_mean(name, OTHERS)}")
    if len(set(partners)) < len(partners):
        raise ConfigError(f"partners {', '.join(partners)}: one is there twice; name each once")
    if found.data.labels:
        raise ConfigError(
            f"{found.panel.source}: {shown(found.data.labels[0])} is a label, which only a training"
            " learns; propose one with forecast config init"
        )


def _rows(panel: Panel, season: int) -> int:
    """That smoothing reads, of all targets."""
    read = np.minimum(panel.lengths, rows_read(SMOOTHING, season))
    return int(read.sum()) * panel.num_targets


def _affordable(table: Table, rows: int, horizon: int) -> Sequence[str]:
    """The partners that take no long time and have enough to learn from."""
    learning = (RIDGE,) if has_weeks(table.history, horizon) else ()
    if not table.is_large:
        return (*SMOOTHING, *learning)
    names = " ".join(SMOOTHING)
    log.info("%d rows: without %s, to be quick; --partners %s asks them", rows, names, names)
    return learning


def _warn_of_table(found: Unconfigured) -> None:
    """Say what of a table may not be as it is meant, is not forecast, or has no value."""
    for finding in doubtful(found.panel):
        log.warning("%s", finding.message)
    _warn_of_left_out(found)
    _warn_of_missing(found)


def _warn_of_left_out(found: Unconfigured) -> None:
    """Name the columns that may be meant and are not forecast, where no target is given."""
    if found.hindered:
        log.warning("not forecast: %s", found.hindered)
    for names, why in (
        (found.roles.gappy, "long runs of them are empty"),
        (
            found.roles.daily,
            "each value holds for all rows of a day; name those that are wanted",
        ),
        (found.roles.further, f"{len(found.roles.targets)} others are; name those that are wanted"),
    ):
        if names:
            log.warning("not forecast: %s; %s", listed(names, FEW_NAMES), why)


def _warn_of_missing(found: Unconfigured) -> None:
    """Say how many rows and cells have no value, and whether the frequency alone made them."""
    panel = found.panel
    missing = what_is_missing(panel)
    if not missing:
        return
    known = np.flatnonzero(panel.in_table)
    is_next = (np.diff(known) == 1) & (np.diff(panel.series_of(known)) == 0)
    is_gap = not panel.in_table.all() and bool(local_time_remedy(panel.axis))
    local = "; if the times are local, give their timezone" if is_gap else ""
    finer = "; no two rows are one step apart: leave the frequency to be found by the times"
    is_finer = found.data.frequency != "auto" and not is_next.any() and len(known) > 1
    log.warning(
        "%s (frequency %s) without a value: the last one before is carried on%s",
        missing,
        panel.axis.frequency,
        finer if is_finer else local,
    )


def _warn_of_short(found: Unconfigured, known: Int[np.ndarray, "S K"]) -> None:
    """Name the series that are not forecast, or without intervals.

    Raises:
        DataError: if there is nothing to forecast from at all.
    """
    if not known.any():
        raise DataError(f"{found.panel.source}: no known value to forecast from")
    few = ((known > 0) & (known < LEAST_VALUES)).any(axis=1)
    for concerned, what in (
        ((known == 0).any(axis=1), "without a known value: not forecast"),
        (few, f"with fewer than {LEAST_VALUES} known values: the last one goes on, no intervals"),
    ):
        names = [found.panel.ids[number] for number in np.flatnonzero(concerned)]
        if names:
            log.warning("%d series %s (%s)", len(names), what, listed(names, FEW_NAMES))
