"""`forecast config init`: a configuration fitted to the columns and the frequency of a table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config import build_config
from forecast.data.config import DataConfig
from forecast.data.output import read_any
from forecast.data.panel import Panel, read_panel
from forecast.data.times import season_length
from forecast.data.transforms import difference_orders
from forecast.errors import DataError
from forecast.strict_yaml import read_yaml

TIME_NAMES = ("ds", "date", "datetime", "time", "timestamp", "month", "week", "day", "year")
"""Names that a time column often has, likeliest first."""
HORIZONS = {1: 6, 4: 8, 52: 13}
"""Horizon for a season; a season of another length is its own horizon."""
MOST_TARGETS = 20


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are."""

    time: str
    id: str | None
    targets: tuple[str, ...]


def propose(
    path: str,
    time: str | None = None,
    id_column: str | None = None,
    targets: Sequence[str] | None = None,
    horizon: int | None = None,
) -> str:
    """A configuration as YAML, with a comment wherever a choice was made.

    Args:
        path: CSV or Parquet file.
        time, id_column, targets: columns; None: found by their names and values.
        horizon: steps to forecast; None: by the season.

    Raises:
        DataError: if no time column or no number column can be found.
    """
    roles = find_roles(read_any(path), path, time, id_column, targets)
    data = {"path": path, "time": roles.time, "target": roles.targets, "id": roles.id}
    config = DataConfig.model_validate({**data, "missing": "interpolate"})
    text = _written(path, roles, read_panel(config), horizon)
    build_config(read_yaml(text, "proposal"), "proposal")
    return text


def find_roles(
    frame: pd.DataFrame,
    path: str,
    time: str | None,
    id_column: str | None,
    targets: Sequence[str] | None,
) -> Roles:
    """Find time, id and target columns by their names and values."""
    named = [name for name in (time, id_column, *(targets or ())) if name is not None]
    for name in named:
        if name not in frame.columns:
            raise DataError(f"{path}: no column {name!r}; there are {', '.join(frame.columns)}")
    time = time or _time_column(frame, path)
    rest = [name for name in frame.columns if name != time]
    texts = [name for name in rest if not pd.api.types.is_numeric_dtype(frame[name])]
    if id_column is None and frame[time].duplicated().any():
        unique = [n for n in texts if not frame.duplicated([n, time]).any()]
        id_column = unique[0] if unique else None
    if not targets:
        numbers = [n for n in rest if n not in texts and n != id_column]
        preferred = [n for n in numbers if n.lower() in ("y", "target", "value")]
        targets = preferred[:1] or numbers[:MOST_TARGETS]
    if not targets:
        raise DataError(f"{path}: no column of numbers to forecast; name one with --target")
    return Roles(time, id_column, tuple(targets))


def _time_column(frame: pd.DataFrame, path: str) -> str:
    by_name = [n for name in TIME_NAMES for n in frame.columns if n.lower() == name]
    by_value = [n for n in frame.columns if _holds_dates(frame[n])]
    candidates = [*[n for n in by_name if n in by_value], *by_value, *by_name]
    if not candidates:
        raise DataError(f"{path}: no column of times was found; name it with --time")
    return candidates[0]


def _holds_dates(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return False
    head = column.head(50).astype(str)
    return bool(pd.to_datetime(head, format="ISO8601", errors="coerce", utc=True).notna().all())


def _written(path: str, roles: Roles, panel: Panel, horizon: int | None) -> str:
    season = season_length(panel.axis.frequency)
    rows = int(np.median(panel.lengths))
    horizon = horizon or max(1, min(HORIZONS.get(season, season), rows // 8))
    test = max(horizon, rows // 5)
    validation = max(horizon, rows // 10)
    transforms, past = _transforms(panel, season, rows - test - validation)
    lookback = _lookback(season, horizon, rows - test - validation - past)
    missing = "interpolate" if np.isnan(panel.values).any() else "error"
    target = roles.targets[0] if len(roles.targets) == 1 else list(roles.targets)
    data: dict[str, object] = {"path": path, "time": roles.time, "target": target}
    data |= {"id": roles.id, "frequency": panel.axis.frequency, "missing": missing}
    lines = [
        f"# {panel.num_series} series of {rows} rows (median), frequency"
        f" {panel.axis.frequency}, season of {season} rows.",
        f"data: {_flow(data)}",
        f"transforms: {transforms}",
        f"split: {{validation: {validation}, test: {test}}}  # rows at the end of each series",
        f"window: {{lookback: {lookback}, horizon: {horizon}}}",
        "model: {hidden_size: auto"
        + ("" if past else ", window_norm: last")
        + (", channels: independent" if len(roles.targets) > 1 else "")
        + "}",
        "training: {learning_rate: auto, epochs: 100, early_stopping: {patience: 20}}",
    ]
    return "\n".join(lines) + "\n"


def _transforms(panel: Panel, season: int, train_rows: int) -> tuple[str, int]:
    """Log where the swings grow with the level, the differences that tests ask for, standardize."""
    kept = np.minimum(panel.lengths, train_rows)
    rows = np.concatenate(
        [
            np.arange(first, first + count)
            for first, count in zip(panel.offsets[:-1], kept, strict=True)
        ]
    )
    offsets = np.concatenate([[0], np.cumsum(kept)])
    values = panel.values[rows, : panel.num_targets]
    names = []
    if np.nanmin(values) > 0 and _swings_grow(values, offsets, season):
        names.append("log")
        values = np.log(values)
    orders = difference_orders(values, offsets, season)
    affordable = [(lag, order) for lag, order in orders if 4 * lag * order < train_rows]
    names += [f"{{difference: {{lag: {lag}, order: {order}}}}}" for lag, order in affordable[:1]]
    past = sum(lag * order for lag, order in affordable[:1])
    return f"[{', '.join([*names, 'standardize'])}]", past


def _swings_grow(values: np.ndarray, offsets: np.ndarray, season: int) -> bool:
    """Whether the deviation within stretches of a season grows with their mean, in the median."""
    length = max(season, 8)
    slopes = []
    for first, end in itertools.pairwise(offsets):
        stretches = (end - first) // length
        if stretches < 4:
            continue
        block = values[first : first + stretches * length].reshape(stretches, length, -1)
        mean, deviation = np.nanmean(block, axis=1), np.nanstd(block, axis=1)
        for column in range(block.shape[2]):
            if mean[:, column].std() > 0 and deviation[:, column].std() > 0:
                slopes.append(np.corrcoef(mean[:, column], deviation[:, column])[0, 1])
    return bool(slopes) and float(np.median(slopes)) > 0.5


def _lookback(season: int, horizon: int, rows: int) -> int:
    """Two seasons (a week of hours), at least the horizon; windows to train on must be left."""
    wanted = {24: 168, 1: 2 * horizon}.get(season, 2 * season)
    return max(1, min(max(wanted, horizon), (rows - horizon) // 2))


def _flow(values: Mapping[str, object]) -> str:
    """A mapping as one line of YAML."""
    import yaml

    text = yaml.safe_dump(values, default_flow_style=True, sort_keys=False, width=10_000)
    return str(text).strip()
