"""Forecast a CSV with a file of `forecast export`: NumPy and onnxruntime, nothing else.

    python examples/onnx_forecast.py model.onnx history.csv [--future future.csv] [--output out.csv]

The CSV has the columns of training; the rows of a series stand in the order of time, a step apart,
and an empty cell is a missing value. What the model needs stands in the file: see `about`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import onnxruntime

Row = dict[str, str]
CLOCK = {"s": 1, "min": 60, "h": 3600}
DAYS = {"D": 1, "W": 7}
MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}


def main() -> None:
    """Read, forecast, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="file of forecast export")
    parser.add_argument("history", help="CSV with the columns of training")
    parser.add_argument("--future", help="CSV of the covariates over the horizon")
    parser.add_argument("--output", default="-", help="CSV (default: -, stdout)")
    options = parser.parse_args()
    session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["forecast"])
    history = series_of(options.history, about)
    future = series_of(options.future, about) if options.future else {}
    lines = [header(about)]
    for name, rows in history.items():
        ahead = times_after(rows[-1][about["time"]], about)
        known = rows_ahead(future.get(name, future.get("", [])), name, ahead, about)
        inputs = {key: array[None] for key, array in inputs_of(rows, known, ahead, about).items()}
        values = session.run(None, inputs)  # a batch of one series; more may be stacked
        if np.isnan(values[0]).any():
            sys.exit(
                f"{options.history}: no forecast of series {name or 'data'}: its last"
                f" {about['rows_needed']} rows are too few, or hold what the model cannot read"
            )
        lines += [[name, *line] if about["id"] else line for line in lines_of(values, ahead, about)]
    with sys.stdout if options.output == "-" else open(options.output, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def series_of(path: str, about: dict) -> dict[str, list[Row]]:
    """The rows of each series in a CSV; a table without ids is one series, without a name."""
    found: dict[str, list[Row]] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            found.setdefault(row.get(about["id"], ""), []).append(row)
    return found


def inputs_of(
    rows: list[Row], known: list[Row], ahead: list[str], about: dict
) -> dict[str, np.ndarray]:
    """What the model reads of one series: only what its file asks for."""
    history = [*about["targets"], *about["past"], *about["future"]]
    inputs = {"history": numbers(rows, history)}
    if about["future"]:
        inputs["future"] = numbers(known, about["future"])
    if about["static"]:
        inputs["static"] = numbers(rows[-1:], about["static"])[0]
    if about["calendar"] or about["special_days"]:
        inputs["history_time"] = seconds([row[about["time"]] for row in rows], about)
        inputs["future_time"] = seconds(ahead, about)
    if len(about["series"]) > 1:
        name = rows[0][about["id"]]
        if name not in about["series"]:
            sys.exit(f"series {name} was not in training; leave it out")
        inputs["series"] = np.array(about["series"].index(name))
    return inputs


def numbers(rows: list[Row], columns: list[dict]) -> np.ndarray:
    """(rows, columns): numbers, NaN of an empty cell, codes of categories, places of labels."""

    def value(cell: str, column: dict) -> float:
        if column["categories"] is not None:
            known = column["categories"]
            return known.index(cell) + 1.0 if cell in known else 0.0
        if column["labels"] is not None and cell:
            known = column["labels"]
            return float(known.index(cell)) if cell in known else -1.0
        return float(cell) if cell.strip() else np.nan

    return np.array([[value(row[each["name"]], each) for each in columns] for row in rows])


def rows_ahead(future: list[Row], name: str, ahead: list[str], about: dict) -> list[Row]:
    """The rows of the future for the steps ahead."""
    if not about["future"]:
        return []
    rows = {row[about["time"]]: row for row in future}
    missing = [time for time in ahead if time not in rows]
    if missing:
        sys.exit(f"--future has no row of series {name or 'data'} for {missing[0]}")
    return [rows[time] for time in ahead]


def times_after(last: str, about: dict) -> list[str]:
    """The times of the steps ahead, written as the last one is."""
    steps, frequency, zone = range(1, about["horizon"] + 1), about["frequency"], about["timezone"]
    if isinstance(frequency, int):
        return [str(int(last) + frequency * step) for step in steps]
    name = frequency.split("-")[0]
    unit = name.lstrip("0123456789")
    count = int(name.removesuffix(unit) or 1)
    date = wall(last, about)
    if unit in CLOCK and zone:  # on the clock of the world, then on the wall again
        moments = [date.astimezone(UTC) + timedelta(seconds=count * CLOCK[unit] * n) for n in steps]
        return [written(moment.astimezone(ZoneInfo(zone)), last) for moment in moments]
    if unit in CLOCK or unit in DAYS:
        length = timedelta(seconds=CLOCK.get(unit, 0), days=DAYS.get(unit, 0))
        return [written(date + n * count * length, last) for n in steps]
    day = np.datetime64(date.date())
    if unit in MONTHS:
        months = day.astype("datetime64[M]") + np.array(steps) * count * MONTHS[unit]
        ends = (months + 1).astype("datetime64[D]") - 1
        days = ends if unit.endswith("E") else months.astype("datetime64[D]")
    elif unit == "B":
        days = np.busday_offset(day, np.array(steps) * count)
    else:
        sys.exit(f"frequency {frequency}: this example does not count its times")
    dates = [datetime.combine(each, date.time(), date.tzinfo) for each in days.tolist()]
    return [written(each, last) for each in dates]


def wall(time: str, about: dict) -> datetime:
    """A time of the table, on the wall clock of the model's zone if it has one."""
    date = datetime.fromisoformat(time)
    zone = ZoneInfo(about["timezone"]) if about["timezone"] else None
    if zone is None:
        return date.replace(tzinfo=None)
    return date.astimezone(zone) if date.tzinfo else date.replace(tzinfo=zone)


def written(date: datetime, like: str) -> str:
    """A date as another one is written: with or without the time of the day and its offset."""
    if len(like) == len("2024-01-01"):
        return date.date().isoformat()
    has_offset = datetime.fromisoformat(like).tzinfo is not None
    return (date if has_offset else date.replace(tzinfo=None)).isoformat(sep=like[10])


def seconds(times: list[str], about: dict) -> np.ndarray:
    """Seconds since 1970 on the wall clock."""
    walls = [wall(time, about).replace(tzinfo=UTC).timestamp() for time in times]
    return np.array(walls).astype(np.int64)


def header(about: dict) -> list[str]:
    """The columns that are written."""
    ids = [about["id"]] if about["id"] else []
    others = [name for name in about["columns"] if name != "forecast"]
    probable = [f"p-{each}" for each in labels(about)]
    return [*ids, about["time"], "target", "forecast", *others, *probable]


def labels(about: dict) -> list[str]:
    """All labels of the targets, each once."""
    return list(dict.fromkeys(each for t in about["targets"] for each in t["labels"] or ()))


def lines_of(values: list[np.ndarray], ahead: list[str], about: dict) -> list[list[str]]:
    """A line for each target and step: all quantiles, or a label and the probability of each."""
    point = values[0][0]  # (H, K)
    every = values[1][0] if len(values) > 1 else point[..., None]  # (H, K, Q)
    middle = about["columns"].index("forecast")
    lines = []
    for place, target in enumerate(about["targets"]):
        for step, time in enumerate(ahead):
            cells = [*map(repr, every[step, place].tolist())]
            if (known := target["labels"]) is None:
                cells.insert(0, cells.pop(middle))
            else:
                probability = dict(zip(known, cells, strict=False))
                cells = [known[int(point[step, place])]]
                cells += [probability.get(each, "0.0") for each in labels(about)]
            lines.append([time, target["name"], *cells])
    return lines


if __name__ == "__main__":
    main()
