"""A forecast as a hand would compute it: a series, a step and a transform at a time."""

import itertools
import math

import numpy as np
import pandas as pd
import torch


def forward(values, step, state):
    if step == "log":
        return [math.log(v) for v in values]
    if "difference" in step:
        lag = 1 if step == "difference" else step["difference"]["lag"]
        return [math.nan] * lag + [values[i] - values[i - lag] for i in range(lag, len(values))]
    location, scale = state
    return [(v - location) / scale for v in values]


def backward(ahead, before, step, state):
    """A forecast of one step, undone; `before` is the history in the units to come back to."""
    if step == "log":
        return [math.exp(v) for v in ahead]
    if "difference" in step:
        lag = 1 if step == "difference" else step["difference"]["lag"]
        values = list(before)
        for change in ahead:
            values.append(change + values[-lag])
        return values[len(before) :]
    location, scale = state
    return [v * scale + location for v in ahead]


def state_of(step, pieces, own):
    """Location and scale of a transform, from training rows as the steps before leave them."""
    if "standardize" not in step and step != "min_max":
        return None
    whole = step != "min_max" and step != "standardize" and step["standardize"]["scope"] == "global"
    rows = np.concatenate(pieces) if whole else np.array(pieces[own])
    rows = rows[~np.isnan(rows)]
    if step == "min_max":
        return rows.min(), rows.max() - rows.min()
    return rows.mean(), rows.std()


def filled(rows, how, columns):
    numbers = rows.copy()
    for column in columns:
        if how == "interpolate":
            numbers[column] = numbers[column].interpolate(limit_area="inside")
        numbers[column] = numbers[column].ffill()
    return numbers


def on_grid(case, rows):
    """The rows of a series with the missing ones put in."""
    if case.frequency == 10:
        return rows.reset_index(drop=True)
    grid = pd.date_range(rows[case.time].iloc[0], rows[case.time].iloc[-1], freq=case.frequency)
    return rows.set_index(case.time).reindex(grid).rename_axis(case.time).reset_index()


def steps_of(case, target, own):
    """Values of a target after each transform, and the states."""
    split = case.config["split"]
    how = case.config["data"].get("missing", "error")
    all_rows = [on_grid(case, rows) for _, rows in case.series()]
    train = [len(rows) - split["validation"] - split["test"] for rows in all_rows]
    pieces = [
        filled(rows[:count], how, [target])[target].tolist()
        for rows, count in zip(all_rows, train, strict=True)
    ]
    levels = [filled(all_rows[own], how, [target])[target].tolist()]
    states = []
    for step in case.config["transforms"]:
        states.append(state_of(step, pieces, own))
        levels.append(forward(levels[-1], step, states[-1]))
        pieces = [forward(piece, step, states[-1]) for piece in pieces]
    return levels, states


def encoded(case, option, values):
    """One covariate as columns; fitted on the training rows of all series."""
    name, how = (option, "standardize") if isinstance(option, str) else next(iter(option.items()))
    how = how if isinstance(how, str) else how["encoding"]
    split = case.config["split"]
    kept = split["validation"] + split["test"]
    parts = [on_grid(case, rows)[:-kept] for _, rows in case.series()]
    fill = case.config["data"].get("missing", "error")
    if how == "standardize":
        parts = [filled(part, fill, [name]) for part in parts]
    train = pd.concat(parts)[name]
    if name in ("size", "shop", "town", "land"):
        train = pd.Series([part[name].iloc[0] for part in parts])
    if how == "none":
        return [[v] for v in values]
    if how == "standardize":
        return [[(v - train.mean()) / train.std(ddof=0)] for v in values]
    categories = sorted({c for c in train if c != ""})
    codes = [categories.index(v) + 1 if v in categories else 0 for v in values]
    if how == "one_hot":
        return [[float(code == n + 1) for n in range(len(categories))] for code in codes]
    return [[code / len(categories) if how == "ordinal" else code] for code in codes]


def waves(names, times):
    values = {
        "hour": lambda t: t.hour / 24,
        "dayofweek": lambda t: t.day_of_week / 7,
        "month": lambda t: (t.month - 1) / 12,
    }
    return [
        [wave(2 * math.pi * values[name](t)) for name in names for wave in (math.sin, math.cos)]
        for t in times
    ]


def beside(*blocks):
    return [[*itertools.chain(*rows)] for rows in zip(*blocks, strict=True)]


def by_hand(case, trained, own):
    """(H, K, Q) forecast of one series after its last row, and the times of it."""
    data = case.config["data"]
    lookback = trained.config.widest.reach  # of members that differ, each reads its own part of it
    name, rows = case.series()[own]
    rows = on_grid(case, rows)
    rows = filled(rows, data.get("missing", "error"), ["load"] if "load" in rows else [])
    if case.frequency == 10:
        times = [rows.ds.iloc[-1] + 10 * (step + 1) for step in range(case.horizon)]
    else:
        last = rows[case.time].iloc[-1]
        times = list(pd.date_range(last, periods=case.horizon + 1, freq=case.frequency)[1:])
    done = [steps_of(case, target, own) for target in case.targets]
    scaled = [list(row) for row in zip(*[levels[-1] for levels, _ in done], strict=True)]
    ahead = [[] for _ in times]
    known = [[] for _ in range(len(rows))]
    past = [[] for _ in range(len(rows))]
    for option in data.get("past", []):
        column = option if isinstance(option, str) else next(iter(option))
        past = beside(past, encoded(case, option, rows[column]))
    for option in data.get("future", []):
        column = option if isinstance(option, str) else next(iter(option))
        after = case.future[case.future.unique_id == name].set_index("ds")[column]
        known = beside(known, encoded(case, option, rows[column]))
        ahead = beside(ahead, encoded(case, option, [after[time] for time in times]))
    if "calendar" in data:
        known = beside(known, waves(data["calendar"], rows[case.time]))
        ahead = beside(ahead, waves(data["calendar"], times))
    static = [
        encoded(case, o, [rows[o if isinstance(o, str) else next(iter(o))].iloc[0]])[0]
        for o in data.get("static", [])
    ]
    inputs = torch.tensor([beside(scaled, past, known)[-lookback:]], dtype=torch.float32)
    future = torch.tensor([ahead], dtype=torch.float32)
    constant = torch.tensor([[*itertools.chain(*static)]], dtype=torch.float32)
    with torch.no_grad():
        outputs = [model(inputs, future, constant).double().numpy() for model in trained.models]
    members = np.array([undone(case, output[0], done) for output in outputs])
    listed = isinstance(trained.config.training.ensemble, tuple)
    return (np.mean if listed else np.median)(members, axis=0), times


def undone(case, output, done):
    values = np.empty_like(output)
    for target, (levels, states) in enumerate(done):
        for quantile in range(output.shape[2]):
            ahead = list(output[:, target, quantile])
            steps = list(zip(case.config["transforms"], states, levels[:-1], strict=True))
            for step, state, before in reversed(steps):
                ahead = backward(ahead, before, step, state)
            values[:, target, quantile] = ahead
    return values
