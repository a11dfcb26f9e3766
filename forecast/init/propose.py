"""`forecast config init`: a configuration fitted to the columns and the frequency of a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.config.days import holiday_place
from forecast.config.tree import Config, build_config
from forecast.config.yaml import read_yaml
from forecast.data.checks import doubtful
from forecast.data.panel import Panel
from forecast.errors import MOST_SHOWN, ForecastError, named, printable
from forecast.init.extent import has_years, what_is_filled
from forecast.init.hints import NO_HINTS, NO_WISHES, Hints, Wishes
from forecast.init.labels import label_recipe
from forecast.init.lines import flow, section_lines
from forecast.init.recipe import Recipe, recipe_of
from forecast.init.roles import MOST_TARGETS, Roles
from forecast.init.rules import TableShape
from forecast.init.sizes import HeldBack, chosen_horizon, held_back, least_history
from forecast.init.unconfigured import Unconfigured, read_unconfigured, season_of
from forecast.tables.frames import TableOrPath
from forecast.times.axis import season_length
from forecast.times.ticks import INDEX

NEAR_ZERO = 0.1
"""Share of the mean below which values are near to zero."""
MOST_NAMED = 20
"""Columns that are named as not used."""
Affordable = Callable[[Config, Panel], Mapping[str, object]]
"""A configuration and its table -> what to change in the section `training`; ForecastError for one
that cannot be trained on."""
WAYS_OUT = ((2, False), (2, True), (1, False), (1, True), (0, False), (0, True))
"""Parts that hold rows back, and whether short series are skipped; the first that is accepted."""


def propose(
    table: TableOrPath,
    hints: Hints = NO_HINTS,
    wishes: Wishes = NO_WISHES,
    written: str | None = None,
    affordable: Affordable | None = None,
) -> str:
    """A configuration as YAML, fitted to the columns, the frequency and the length of a table.

    Args:
        table: CSV or Parquet file, or a table of Python.
        hints: what is known of the table; the rest is found by looking at it.
        wishes: what the configuration should be like.
        written: path of the file as the configuration gives it; None: as it is.
        affordable: what to change in the section `training` for the time that it may take; None:
            nothing. What it refuses is proposed in another way, or not at all.

    Returns:
        Text that `read_config` accepts, with comments.

    Raises:
        DataError: if no time column or no number column can be found, or there are too few rows.
        ConfigError: if horizon or season are too long for the table, or a column has two roles.
    """
    place = {} if wishes.holidays is None else {"holidays": holiday_place(wishes.holidays)}
    found = read_unconfigured(table, hints, may_count=True)
    path = os.fsdecode(table) if isinstance(table, str | os.PathLike) else "data"
    request = _Request(path, written or path, found, {**found.marks, **place}, wishes)
    refusals = []
    for most_parts, skips_short in WAYS_OUT:
        lines, training = _lines(request, most_parts, skips_short and found.panel.num_series > 1)
        config = _config_of(lines, training)
        try:
            changes = affordable(config, found.panel) if affordable else {}
        except ForecastError as error:  # the next way out may be accepted
            refusals.append(error)
            continue
        if changes:
            training = {**training, **changes}
            _config_of(lines, training)  # refuses what must not be proposed
        return _text(lines, training)
    raise refusals[0]


@dataclass(frozen=True)
class _Request:
    """A table, where it lies, and what is asked of its configuration."""

    path: str
    written: str
    found: Unconfigured
    marks: Mapping[str, object]
    """What the section `data` says of the format, and of the place."""
    wishes: Wishes


def _text(lines: Sequence[str], training: Mapping[str, object]) -> str:
    return "\n".join([*lines, *section_lines("training", training)]) + "\n"


def _config_of(lines: Sequence[str], training: Mapping[str, object]) -> Config:
    return build_config(read_yaml(_text(lines, training), "proposal"), "proposal")


def _lines(
    request: _Request, most_parts: int, skips_short: bool
) -> tuple[list[str], Mapping[str, object]]:
    """The configuration: sizes first, then what the rules make of them, then its lines.

    Returns:
        All lines but those of the section `training`, and that section.
    """
    found, panel, roles = request.found, request.found.panel, request.found.roles
    season = season_of(request.path, panel, request.wishes.season)
    horizon = chosen_horizon(panel, season, request.wishes.horizon)
    held = held_back(panel, horizon, most_parts)
    shape = TableShape(
        int(np.median(held.train)), panel.num_series, panel.num_targets, season, horizon
    )
    helps = bool(roles.helping) or "holidays" in request.marks
    recipe = (
        label_recipe(shape)
        if any(roles.are_labels)
        else recipe_of(panel, shape, held.train, has_covariates=helps)
    )
    window, is_skipping = _window(panel, recipe, held, horizon)
    reads_calendar = recipe.model.get("start") != "pretrained"
    data = _data(request, season, reads_calendar)
    if is_skipping or skips_short:
        data["short_series"] = "skip"
    lines = [
        f"# {_in_words(panel, season)}",
        "data:",
        *(
            f"  {key}: {flow(value)}{_comment(key, panel, data, request.wishes.season)}"
            for key, value in data.items()
        ),
        *_not_used(found.unused, roles),
        *([f"  # {printable(str(found.hindered))}"] if found.hindered else []),
        *(f"  # {printable(finding.message)}" for finding in doubtful(panel)),
        f"transforms: {flow(recipe.transforms)}",
        f"split: {{validation: {held.validation}, test: {held.test}}}  # {held.comment}",
        f"window: {flow(window)}",
        *section_lines("model", recipe.model),
        *([f"partners: {flow(recipe.partners)}"] if recipe.partners else []),
    ]
    return lines, recipe.training


def _window(
    panel: Panel, recipe: Recipe, held: HeldBack, horizon: int
) -> tuple[dict[str, object], bool]:
    """The section `window`, and whether series are left out that are too short even for it."""
    window: dict[str, object] = {"lookback": recipe.lookback, "horizon": horizon}
    shortest = held.train.min() - recipe.rows_lost - horizon
    if shortest >= recipe.lookback:
        return window, False
    least = least_history(panel.lengths, held.train, recipe.rows_lost, horizon)
    return {**window, "least_history": min(least, recipe.lookback)}, bool(shortest < least)


def _in_words(panel: Panel, season: int) -> str:
    """How long a table is, and how often its rows come."""
    rows = int(np.median(panel.lengths))
    series = f"{panel.num_series} series of {rows} rows (median)"
    size = series if panel.num_series > 1 else f"{rows} rows"
    every = f", season of {season} rows" if season > 1 else ""
    return f"{size}, frequency {panel.axis.frequency}{every}."


def _data(request: _Request, season: int, calendar: bool) -> dict[str, object]:
    """The section `data`; what is as it is by default is left out.

    Args:
        request: the table, and what is wanted.
        season: rows in a season of it.
        calendar: whether the model reads covariates of the calendar.
    """
    panel, roles, marks = request.found.panel, request.found.roles, request.marks
    target = roles.target[0] if len(roles.targets) == 1 else roles.target
    data: dict[str, object] = {"path": request.written, "time": roles.time, "target": target}
    if roles.time_parts:
        data["time_parts"] = roles.time_parts
    if roles.ids:
        data["id"] = roles.ids if len(roles.ids) > 1 else roles.ids[0]
    data |= {"frequency": panel.axis.frequency, **marks}
    if _is_unsorted(panel) or "duplicates" in marks:
        data["sort"] = True
    if season != season_length(panel.axis.frequency):
        data["season"] = season
    data |= roles.helping
    if calendar and has_years(panel):
        data["calendar"] = ["dayofyear"]
    filled = "forward_fill" if any(roles.are_labels) else "interpolate"
    data["missing"] = filled if np.isnan(panel.values).any() else "error"
    if not any(roles.are_labels) and _has_a_floor(panel):
        data["minimum"] = 0
    return data


def _has_a_floor(panel: Panel) -> bool:
    """Whether targets are never negative, but so near to zero that a forecast might be."""
    known = panel.values[:, : panel.num_targets]
    lowest, mean = np.nanmin(known, axis=0), np.nanmean(known, axis=0)
    return bool((lowest >= 0).all() and (lowest <= NEAR_ZERO * mean).any())


def _comment(key: str, panel: Panel, data: Mapping[str, object], wanted_season: int | None) -> str:
    """What is said behind a key of `data`."""
    if key == "target" and panel.targets[0] in panel.categories:
        counts = ", ".join(str(len(panel.categories[name])) for name in panel.targets)
        return f"  # {counts} labels; each is forecast with its probability"
    if key == "target" and panel.num_targets > 1:
        return "  # columns to forecast; move those that only help to past or future"
    if key == "frequency" and data[key] == INDEX:
        return "  # the days are unevenly apart: rows count one by one"
    if key == "units":
        return "  # taken off these numbers"
    if key == "duplicates" and data["duplicates"] == "first":
        return "  # of rows with one time the first counts"
    if key == "missing" and data["missing"] == "interpolate":
        return what_is_filled(panel)
    if key == "calendar":
        return "  # the season of the year"
    if key == "minimum":
        return "  # no value is below, nor any forecast"
    usual = season_length(panel.axis.frequency)
    if key == "season" and wanted_season is None and data["season"] == 1:
        return f"  # none; the usual {usual} rows are too long for so short a table"
    return ""


def _not_used(unused: Sequence[str], roles: Roles) -> list[str]:
    """Comments about the columns that have no role."""
    told = (*roles.gappy, *roles.further, *roles.daily, *roles.ahead)
    others = [name for name in unused if name not in told]
    ahead = [name for name in roles.ahead if name not in roles.used]
    comments = (
        (roles.gappy, "left out, for long runs are empty: ", ""),
        (roles.further, "may be forecast as well: ", f"; by default {MOST_TARGETS} at most are"),
        (
            roles.daily,
            "left out, for they hold one value a day: ",
            "; past or future may take them",
        ),
        (ahead, "known ahead: ", "; --future auto takes them, --target forecasts them"),
        (others, "not used: ", "; columns that help go to past, future or static"),
    )
    return [f"  # {what}{_named(names)}{end}" for names, what, end in comments if names]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(_cut(flow(name)) for name in names[:MOST_NAMED])}{more}"


def _cut(name: str) -> str:
    return name if len(name) <= MOST_SHOWN else named(name)


def _is_unsorted(panel: Panel) -> bool:
    """Whether the rows of a series do not stand in time order in the table."""
    assert panel.lines is not None
    in_table, lines = panel.in_table, np.asarray(panel.lines)
    series = np.repeat(np.arange(panel.num_series), panel.lengths)[in_table]
    return bool(((np.diff(lines[in_table]) < 0) & (np.diff(series) == 0)).any())
