"""`forecast config init`: a configuration fitted to the columns and the frequency of a table."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from forecast.config.tree import build_config, config_from
from forecast.config.yaml import read_yaml, scalar
from forecast.data.assemble import read_panel
from forecast.data.checks import outlying_rows
from forecast.data.missing import interpolate
from forecast.data.panel import Panel, offsets_of, ragged_ranges
from forecast.data.table import require_columns
from forecast.data.time_parsing import parse_times
from forecast.data.times import season_length
from forecast.data.transforms import difference_orders
from forecast.errors import ConfigError, DataError, ForecastError
from forecast.init.rules import (
    Facts,
    is_large,
    large_lookback,
    large_model,
    large_training,
    small_lookback,
    small_model,
    small_training,
)
from forecast.init.season import seen_season
from forecast.init.sniff import read_any

TIME_NAMES = ("ds", "date", "datetime", "time", "timestamp", "month", "week", "day", "year")
"""Names that a time column often has, likeliest first."""
ID_NAME = "unique_id"
TARGET_NAMES = ("y", "target", "value")
HORIZONS = {1: 6, 4: 8, 52: 13}
"""Horizon for a season; a season of another length is its own horizon."""
LONGEST_HORIZON = 96
"""Steps, where a season is long: a day has 1,440 minutes."""
MOST_TARGETS = 20
MOST_NAMED = 20
"""Columns that are named as not used."""
LEAST_ROWS = 12
DATE = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{4}( \d\d:\d\d(:\d\d)?)?", re.ASCII)
"""A date with the day or the month first."""
COVARIATES = ("past", "future", "static")
"""Roles of columns that help."""
FLAGS = {"data.timezone": "--timezone", "data.time_format": "--time-format", "data.id": "--id"}
PLAIN = re.compile(r"[A-Za-z_./][\w/.-]*", re.ASCII)
"""Text that YAML reads as itself, unless it is a number or a constant."""


@dataclass(frozen=True)
class Recipe:
    """The sections that follow from the values of a table."""

    transforms: Sequence[object]
    past: int
    """Rows that the transforms take."""
    lookback: int
    model: Mapping[str, object]
    training: Mapping[str, object]


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are."""

    time: str
    id: str | None
    targets: tuple[str, ...]
    helping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Past, future and static: the columns of each that has any."""

    @property
    def helping_names(self) -> tuple[str, ...]:
        """All columns that help."""
        return tuple(itertools.chain.from_iterable(self.helping.values()))


def propose(
    path: str,
    time: str | None = None,
    id_column: str | None = None,
    targets: Sequence[str] | None = None,
    horizon: int | None = None,
    timezone: str | None = None,
    time_format: str | None = None,
    season: int | None = None,
    covariates: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A configuration as YAML, fitted to the columns, the frequency and the length of a table.

    Args:
        path: CSV or Parquet file.
        time, id_column, targets: columns; None: found by their names and values.
        horizon: steps to forecast; None: by the season.
        timezone, time_format: of the time column, as in the section `data`; None: as written.
        season: rows in a season; None: by the frequency, of integer times by the values.
        covariates: `past`, `future` and `static`: columns that help; None: none.

    Raises:
        DataError: if no time column or no number column can be found, or there are too few rows.
        ConfigError: if horizon or season are too long for the table, or a column has two roles.
    """
    frame, marks = read_any(path)
    times = {"timezone": timezone, "time_format": time_format}
    marks |= {key: value for key, value in times.items() if value is not None}
    helping = {role: tuple(names) for role, names in (covariates or {}).items() if names}
    with _flags_named():
        roles = find_roles(frame, path, time, id_column, targets, marks, helping)
        data: dict[str, object] = {"path": path, "time": roles.time, "target": roles.targets}
        data |= {**marks, "id": roles.id, "missing": "interpolate", "sort": True, **helping}
        panel = read_panel(config_from({"data": data}).data)
    used = {roles.time, roles.id, *roles.targets, *roles.helping_names}
    unused = [name for name in frame.columns if name not in used]
    text = _written(path, roles, unused, marks, panel, horizon, season)
    build_config(read_yaml(text, "proposal"), "proposal")
    return text


@contextlib.contextmanager
def _flags_named() -> Iterator[None]:
    """Messages about keys of `data` also name the options of `config init` that set them."""
    try:
        yield
    except ForecastError as error:
        flags = ", ".join(flag for key, flag in FLAGS.items() if key in str(error))
        raise type(error)(f"{error} (here {flags})" if flags else str(error)) from None


def find_roles(
    frame: pd.DataFrame,
    path: str,
    time: str | None,
    id_column: str | None,
    targets: Sequence[str] | None,
    marks: Mapping[str, str],
    helping: Mapping[str, tuple[str, ...]],
) -> Roles:
    """Find time, id and target columns by their names and values."""
    others = tuple(itertools.chain.from_iterable(helping.values()))
    named = [n for n in (time, id_column, *(targets or ()), *others) if n is not None]
    require_columns(map(str, frame.columns), named, path)
    time = time or _time_column(frame, path, marks.get("time_format"))
    rest = [name for name in frame.columns if name != time and name not in others]
    if id_column is None:
        candidates = [name for name in rest if name not in (targets or ())]
        id_column = _id_column(frame, time, candidates, marks)
    if not targets:
        numbers = [n for n in rest if n != id_column and _varies(frame[n])]
        preferred = [n for n in numbers if n.lower() in TARGET_NAMES]
        measured = [n for n in numbers if not _is_flag(frame[n])]
        targets = preferred[:1] or measured[:MOST_TARGETS] or numbers[:MOST_TARGETS]
    if not targets:
        raise DataError(
            f"{path}: no column of changing numbers to forecast; name one with --target"
        )
    return Roles(time, id_column, tuple(targets), helping)


def _varies(column: pd.Series) -> bool:
    """Whether a column holds numbers that differ."""
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return is_number and column.nunique() > 1


def _is_flag(column: pd.Series) -> bool:
    """Whether a column says yes or no, as 0 and 1: such columns help, but are seldom forecast."""
    return bool(column.dropna().isin((0, 1)).all())


def _id_column(
    frame: pd.DataFrame, time: str, candidates: Sequence[str], marks: Mapping[str, str]
) -> str | None:
    """The column that tells the rows of one time apart: words rather than whole numbers."""
    if ID_NAME in candidates:
        return ID_NAME
    if not frame[time].duplicated().any() or _has_repeated_hours_only(frame[time], marks):
        return None
    names = [n for n in candidates if n.lower() not in TARGET_NAMES]
    words = [n for n in names if not pd.api.types.is_numeric_dtype(frame[n])]
    whole = [n for n in names if pd.api.types.is_integer_dtype(frame[n])]
    for group in (words, whole):
        telling = [n for n in group if not frame.duplicated([n, time]).any()]
        if telling:
            return min(telling, key=lambda name: int(frame[name].nunique()))
    return None


def _has_repeated_hours_only(column: pd.Series, marks: Mapping[str, str]) -> bool:
    """Whether times appear twice only where clocks are put back."""
    if "timezone" not in marks:
        return False
    one_series = np.zeros(len(column), dtype=np.int64)
    try:
        times, *_ = parse_times(
            column, one_series, "auto", marks.get("time_format"), marks["timezone"], str
        )
    except DataError:
        return False
    return len(np.unique(times)) == len(times)


def _time_column(frame: pd.DataFrame, path: str, time_format: str | None) -> str:
    by_name = [n for name in TIME_NAMES for n in frame.columns if n.lower() == name]
    by_value = [n for n in frame.columns if _holds_dates(frame[n], time_format)]
    candidates = [*[n for n in by_name if n in by_value], *by_value, *by_name]
    if not candidates:
        raise DataError(
            f"{path}: none of the columns {', '.join(frame.columns)} holds times; name it with"
            " --time"
        )
    return candidates[0]


def _holds_dates(column: pd.Series, time_format: str | None) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column) and time_format is None:
        return False
    head = column.head(50).astype(str).str.strip()
    if time_format is None and all(map(DATE.fullmatch, head)):
        return True
    try:
        dates = pd.to_datetime(head, format=time_format or "ISO8601", errors="coerce", utc=True)
    except ValueError as error:
        raise DataError(f"data.time_format {time_format!r}: {error}") from None
    return bool(dates.notna().all())


def _written(
    path: str,
    roles: Roles,
    unused: Sequence[str],
    marks: Mapping[str, str],
    panel: Panel,
    horizon: int | None,
    wanted_season: int | None,
) -> str:
    rows = int(np.median(panel.lengths))
    season = _season(path, panel, rows, wanted_season)
    horizon = _horizon(path, rows, season, horizon)
    test, validation = max(horizon, rows // 5), max(horizon, rows // 10)
    lengths = np.maximum(panel.lengths - test - validation, 0)
    train_rows = rows - test - validation
    facts = Facts(train_rows, panel.num_series, len(roles.targets), season, horizon)
    recipe = _large(panel, facts) if is_large(facts) else _small(panel, facts, lengths)
    target = roles.targets[0] if len(roles.targets) == 1 else roles.targets
    data: dict[str, object] = {"path": path, "time": roles.time, "target": target}
    if roles.id is not None:
        data["id"] = roles.id
    data |= {"frequency": panel.axis.frequency, **marks}
    if _is_unsorted(panel):
        data["sort"] = True
    comments = {}
    if season != (usual := season_length(panel.axis.frequency)):
        data["season"] = season
        if wanted_season is None and season < usual:
            comments["season"] = (
                f"  # none; the usual {usual} rows are too long for so short a table"
            )
    data |= roles.helping
    data["missing"] = "interpolate" if np.isnan(panel.values).any() else "error"
    if lengths.min() < recipe.past + recipe.lookback + horizon:
        data["short_series"] = "skip"
    if len(roles.targets) > 1:
        comments["target"] = "  # columns to forecast; move those that only help to past or future"
    series = f"{panel.num_series} series of {rows} rows (median)"
    lines = [
        f"# {series if panel.num_series > 1 else f'{rows} rows'}, frequency"
        f" {panel.axis.frequency}" + (f", season of {season} rows." if season > 1 else "."),
        "data:",
        *(f"  {key}: {_flow(value)}{comments.get(key, '')}" for key, value in data.items()),
        *_not_used(unused),
        f"transforms: {_flow(recipe.transforms)}",
        f"split: {{validation: {validation}, test: {test}}}  # rows at the end of each series",
        f"window: {{lookback: {recipe.lookback}, horizon: {horizon}}}",
        *_section("model", recipe.model),
        *_section("training", recipe.training),
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, values: Mapping[str, object]) -> list[str]:
    """A section in one line if it fits, else a line a key."""
    line = f"{name}: {_flow(values)}"
    if len(line) <= 100:
        return [line]
    return [f"{name}:", *(f"  {key}: {_flow(value)}" for key, value in values.items())]


def _season(path: str, panel: Panel, rows: int, wanted: int | None) -> int:
    """Rows in a season: as wanted, else by the frequency, for integer times by the values."""
    if wanted is not None:
        if not 1 <= wanted <= rows // 2:
            raise ConfigError(
                f"--season {wanted} is not allowed for {rows} rows of {path}; give 1 (none) to"
                f" {max(rows // 2, 1)}"
            )
        return wanted
    if isinstance(panel.axis.frequency, str):
        season = season_length(panel.axis.frequency)
        return season if season <= rows // 2 else 1  # never seen twice, it is of no use
    series = np.split(panel.values[:, 0], panel.offsets[1:-1])
    early = [values[: len(values) * 7 // 10] for values in series]  # what will be for training
    return seen_season([values[~np.isnan(values)] for values in early])


def _small(panel: Panel, facts: Facts, train_lengths: np.ndarray) -> Recipe:
    """A small network on values that were differenced where tests ask for it."""
    affordable = facts.rows - facts.horizon
    transforms, past = _transforms(panel, facts.season, train_lengths, affordable)
    facts = replace(facts, lag=past)
    steps, model, training = small_lookback(facts), small_model(facts), small_training()
    return Recipe([*transforms, "standardize"], past, steps, model, training)


def _large(panel: Panel, facts: Facts) -> Recipe:
    """A network on normalised windows; of many positive series relative changes count."""
    is_positive = bool((np.nan_to_num(panel.values[:, : panel.num_targets], nan=1.0) > 0).all())
    scaling = "log" if facts.has_many_series and is_positive else "standardize"
    model, training = large_model(facts), large_training(facts)
    return Recipe([scaling], 0, large_lookback(facts), model, training)


def _not_used(names: Sequence[str]) -> list[str]:
    """A comment about the columns that have no role."""
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    named = ", ".join(map(_flow, names[:MOST_NAMED]))
    return [f"  # not used: {named}{more}; columns that help go to past, future or static"]


def _horizon(path: str, rows: int, season: int, wanted: int | None) -> int:
    """Steps to forecast; training, validation and test must each hold a window of them."""
    if wanted is None:
        if rows < LEAST_ROWS:
            raise DataError(
                f"{path}: {rows} rows are too few to train, validate and test on; have at least"
                f" {LEAST_ROWS}"
            )
        return max(1, min(HORIZONS.get(season, season), LONGEST_HORIZON, rows // 8))
    if wanted < 1:
        raise ConfigError(f"--horizon {wanted} is not allowed; ask for 1 step or more")
    most = (rows - 2) // 4
    if wanted > most:
        raise ConfigError(
            f"--horizon {wanted} is too long for {rows} rows; give at most {max(most, 1)}, or more"
            " rows"
        )
    return wanted


def _is_unsorted(panel: Panel) -> bool:
    """Whether the rows of a series do not stand in time order in the table."""
    assert panel.lines is not None
    in_table, lines = panel.in_table, np.asarray(panel.lines)
    series = np.repeat(np.arange(panel.num_series), panel.lengths)[in_table]
    return bool(((np.diff(lines[in_table]) < 0) & (np.diff(series) == 0)).any())


def _transforms(
    panel: Panel, season: int, train_lengths: np.ndarray, affordable: int
) -> tuple[list[object], int]:
    """Log where the swings grow with the level, and the difference that tests ask for first.

    Returns:
        Transforms as YAML has them, and the rows that the difference takes.
    """
    known = panel.values[:, : panel.num_targets].copy()
    is_positive = not (known <= 0).any()
    for column in range(panel.num_targets):
        known[outlying_rows(panel, column), column] = np.nan  # one alone can hide a season
    filled = interpolate(known, panel.offsets)
    values = filled[ragged_ranges(panel.offsets[:-1], train_lengths)]
    offsets = offsets_of(train_lengths)
    chosen: list[object] = []
    if is_positive and _swings_grow(values, offsets, season):
        chosen.append("log")
        values = np.log(values)
    for lag, _ in difference_orders(values, offsets, season):
        if 4 * lag < affordable:
            return [*chosen, {"difference": {"lag": lag}} if lag > 1 else "difference"], lag
    return chosen, 0


def _swings_grow(values: np.ndarray, offsets: np.ndarray, season: int) -> bool:
    """Whether the deviation within stretches of a season grows with their mean, in the median."""
    length = max(season, 8)
    slopes = []
    for first, end in itertools.pairwise(offsets):
        stretches = (end - first) // length
        if stretches < 4:
            continue
        block = values[first : first + stretches * length].reshape(stretches, length, -1)
        mean, deviation = block.mean(axis=1), block.std(axis=1)
        for column in np.flatnonzero((mean.std(axis=0) > 0) & (deviation.std(axis=0) > 0)):
            slopes.append(np.corrcoef(mean[:, column], deviation[:, column])[0, 1])
    return bool(slopes) and float(np.median(slopes)) > 0.5


def _flow(value: object) -> str:
    """A value as one line of YAML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, str):
        is_plain = PLAIN.fullmatch(value) and isinstance(scalar(value), str)
        return value if is_plain else _quoted(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_flow, value))}]"
    return str(value).lower()


def _quoted(text: str) -> str:
    import yaml

    width = 10 * len(text) + 100  # never reached: one line
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=width).strip()
