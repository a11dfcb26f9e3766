"""Promise 5: what comes after the training rows changes nothing that must not know of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from forecast.calibrate import held_out_forecasts
from forecast.config.tree import Config
from forecast.evaluate import actuals, trained_models
from forecast.evaluation.conformal import rolling_radii
from forecast.evaluation.intervals import fit_error_scale
from forecast.learning_rate import find_learning_rate, with_rate
from forecast.prepare import Prepared, new_session, prepare
from forecast.training.session import Session
from fuzz.material import Material, random_of
from fuzz.trainings import LENGTHS, PLATEAU, SPLIT, TRAINING, TRANSFORMS, configuration, table

CPU = torch.device("cpu")
SWEEP = {"seeds": 1, "steps": 40, "first": 1e-4, "last": 100.0}
RATE = 0.01
"""Where the curve of the range test is flat."""
PARTS = ("test", "late", "validation")
KINDS = tuple(itertools.product(TRANSFORMS, TRAINING["early_stopping"], ("auto", RATE)))
"""With every part 126 attempts; each compares calibration, too."""
MISSING = ("interpolate", "forward_fill", "mask")
LATE = 8
"""Rows at the end of the test part, of which only later origins may hear."""


@dataclass(frozen=True)
class Learned:
    """All that came of a training; what is equal is equal bit for bit."""

    fitted: tuple[Any, ...]
    """States of transforms and covariates, and the rates that the range test chooses."""
    steps: list[tuple[Any, ...]]
    """Of each epoch: training loss, rate, gradients."""
    weights: list[dict[str, bytes]]
    """That were kept."""
    stops: list[Any]
    """Validation losses, kept epochs, reasons to stop."""
    scores: tuple[bytes, ...]
    """Errors on validation windows, by which intervals are calibrated."""
    radii: bytes
    """Of the rolling intervals of the test origins before the late rows."""


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Change a part of the table, train again, and compare."""
    random = random_of(5, number)
    config, data = _configured(random, number // len(PARTS)), table(random)
    if config.data.missing != "error":
        _empty(random, data)
    before = learned(config, data)
    part = PARTS[number % len(PARTS)]
    after = learned(config, changed(data, part, random))
    watched = ["fitted", "steps", "weights"]
    if part == "validation":
        watched = watched if not _listens(config) else ["fitted"]
    else:
        watched += ["stops", "scores"] + (["radii"] if part == "late" else [])
    leaks = [name for name in watched if getattr(before, name) != getattr(after, name)]
    return f"{part} leaks into {leaks}: {config!r}" if leaks else None


def _configured(random: np.random.Generator, number: int) -> Config:
    """Every kind of transforms with every early stopping, the rate chosen or given, in turn."""
    transforms, stopping, rate = KINDS[number % len(KINDS)]
    options = {"early_stopping": stopping, "learning_rate": rate, "lr_range": SWEEP, "epochs": 4}
    config = configuration(random, transforms, **options)
    missing = ("error", *MISSING)[int(random.integers(4))]
    return config.model_copy(update={"data": config.data.model_copy(update={"missing": missing})})


def _listens(config: Config) -> bool:
    """Whether validation decides of the weights, as it may."""
    training = config.training
    return training.early_stopping is not None or training.schedule.key() in PLATEAU


def _empty(random: np.random.Generator, data: pd.DataFrame) -> None:
    """Leave cells empty, also those on both sides of a part's first row."""
    for first in np.cumsum((0, *LENGTHS[:-1])):
        end = first + LENGTHS[0 if first == 0 else 1]
        edges = [end - SPLIT["test"] - SPLIT["validation"], end - SPLIT["test"]]
        rows = [int(edge) + int(random.integers(-2, 2)) for edge in edges]
        data.loc[[*rows, int(first) + 20], ["y", "price"]] = np.nan


def changed(data: pd.DataFrame, part: str, random: np.random.Generator) -> pd.DataFrame:
    """Other values from the first row of a part on: targets, covariates, categories, gaps."""
    after = {
        "late": LATE,
        "test": SPLIT["test"],
        "validation": SPLIT["test"] + SPLIT["validation"],
    }[part]
    result = data.copy()
    later = data.groupby("unique_id").cumcount(ascending=False) < after
    result.loc[later, "y"] = data.loc[later, "y"] * random.uniform(0.2, 5, later.sum())
    result.loc[later, "price"] += random.normal(100, 50, later.sum())
    result.loc[later, "shop"] = random.choice(["south", "west", "abroad"], later.sum())
    return result


def learned(config: Config, data: pd.DataFrame) -> Learned:
    """Train without a folder."""
    prepared, rates = prepare(config, data), None
    if config.training.learning_rate == "auto":
        found = find_learning_rate(prepared, CPU)
        rates, rate = found.rates, found.rate or RATE
        prepared = replace(prepared, config=with_rate(prepared.config, rate))
    session = new_session(prepared, CPU)
    list(session.run())
    scores, radii = calibrated(session, prepared)
    epochs = [epoch for history in session.histories for epoch in history]
    return Learned(
        fitted=(
            [state.tobytes() for state in prepared.pipeline.chain.states],
            repr(prepared.pipeline.covariates),
            rates,
        ),
        steps=[(e.train_loss, e.learning_rate, e.gradient_norms) for e in epochs],
        weights=[
            {name: weight.numpy().tobytes() for name, weight in weights.items()}
            for weights in session.weights
        ],
        stops=[
            [epoch.validation_loss for epoch in epochs],
            [epoch.number for epoch in session.kept],
            session.reasons,
        ],
        scores=scores,
        radii=radii,
    )


def calibrated(session: Session, prepared: Prepared) -> tuple[tuple[bytes, ...], bytes]:
    """Scores of the validation windows, and radii of the test origins that know no late row."""
    panel, config = prepared.panel, prepared.config
    scale = fit_error_scale(prepared.pipeline, panel, prepared.scaling_rows, prepared.season)
    parts = held_out_forecasts(
        trained_models(prepared, session), prepared, actuals(prepared), scale, None
    )
    validation, test = parts
    assert validation is not None
    assert test is not None
    known = validation.scores.joined(test.scores)
    options = config.intervals
    each = rolling_radii(known, test.scores, options.levels, options.origins, options.rate)
    first_late = panel.positions(panel.offsets[1:] - LATE).min()
    early = [radii.tobytes() for some, radii in each if test.scores.times[some].max() < first_late]
    assert early
    held = validation.scores
    return (held.times.tobytes(), held.values.tobytes()), b"".join(early)
