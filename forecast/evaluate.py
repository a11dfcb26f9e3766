"""Models on the test part: scores of every method, calibration of the intervals, the summary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from forecast.config.count_rules import NAMES as COUNTS
from forecast.config.count_rules import lowest
from forecast.config.members import changes_in_words
from forecast.config.tree import Config
from forecast.data.panel import evenly_spaced
from forecast.data.scale import training_scale
from forecast.data.split import PARTS
from forecast.data.windows import Windows
from forecast.data.zeros import are_counts
from forecast.evaluation.baselines import History
from forecast.evaluation.linear import fit_linear
from forecast.evaluation.metrics import ErrorSums, quantile_errors, quantile_metrics
from forecast.evaluation.remarks import remarks
from forecast.evaluation.scoring import (
    Actuals,
    Opponent,
    best_opponent,
    extreme_series,
    median_series,
    overall,
    verdict,
    with_batch,
)
from forecast.evaluation.zeros import ZeroMedians
from forecast.forecasting.predict import member_forecasts, restored_model, to_user_units
from forecast.forecasting.start import UNTIL, trained_until
from forecast.label_scores import label_summary, label_sums
from forecast.models.forecaster import Model
from forecast.partners.combination import Combination
from forecast.partners.ridge import fitted_ridge
from forecast.partners.weights import RIDGE, HeldOut, chosen_weights, prior_weights
from forecast.prepare import Prepared
from forecast.training.losses import quantiles_of
from forecast.training.session import Session

MEDIANS = ("mae", "quantile", *COUNTS)
"""Losses that forecast a median, alone or beside the mean."""
NAMED_SERIES = 10
"""Worst and best series named in the summary of a panel."""
MOST_WEIGHED, MOST_CALIBRATED, MOST_TESTED = 4_000, 8_000, 10_000
"""With partners: windows that weights, intervals and scores are made of, evenly spaced if there are
more."""


# Forecasts, the truth, and an opponent on the same windows.


def part_forecasts(
    models: tuple[Model, ...],
    prepared: Prepared,
    part: str = "test",
    combination: Combination | None = None,
) -> Iterator[tuple[Int[np.ndarray, " B"], Float[np.ndarray, "B H K Q"]]]:
    """Forecast all windows of a part, batch by batch.

    Args:
        models: the members, all on the same device.
        prepared: the data they were trained on.
        part: train, validation or test.
        combination: with partners; None: the models alone.

    Yields:
        Origins, and forecasts in the user's units.
    """
    windows = prepared.windows[part]
    origins, filled = windows.origins(), prepared.filled_targets
    known = History(filled, prepared.panel.offsets, prepared.season)
    combine = prepared.config.training.combine
    for index, members in member_forecasts(models, windows):
        rows = origins[index]
        values = to_user_units(members, prepared.pipeline, prepared.panel, filled, rows, combine)
        yield rows, combination.shifted(values, known, rows) if combination else values


def actuals(prepared: Prepared) -> Actuals:
    """The truth that forecasts are scored against."""
    panel, season = prepared.panel, prepared.season
    values = panel.values[:, : panel.num_targets]
    return Actuals(
        values=values,
        history=History(prepared.filled_targets, panel.offsets, season),
        scale=training_scale(values, panel.offsets, prepared.split.train, season),
        starts=panel.starts,
    )


def linear_opponent(prepared: Prepared) -> Opponent:
    """Ridge regression on the same windows as the model, as a function of origins."""
    windows, panel = prepared.windows["train"], prepared.panel
    model = fit_linear(windows, prepared.windows["validation"])
    targets = windows.inputs[:, : panel.num_targets].numpy()
    filled = prepared.filled_targets

    def forecast(origins: Int[np.ndarray, " B"]) -> Float[np.ndarray, "B H K"]:
        past = targets[windows.past_rows(origins)].astype(np.float64)
        values = model.forecast(past)[..., None]
        return prepared.pipeline.invert(values, panel, filled, origins)[..., 0]

    return forecast


def trained_models(prepared: Prepared, session: Session) -> tuple[Model, ...]:
    """The finished members with the weights that were kept."""
    return tuple(
        restored_model(prepared.config.member(number), prepared.pipeline, weights).to(
            session.device
        )
        for number, weights in enumerate(session.weights)
    )


# The combination with partners.


def fitted_combination(models: tuple[Model, ...], prepared: Prepared) -> Combination:
    """The weights of the models and of each partner, as configured: equal, or by validation.

    Args:
        models: the members, whose median is one method.
        prepared: the data they were trained on.
    """
    config = prepared.config
    methods = (str(config.model.cell), *config.partners)
    ridge = None
    if RIDGE in methods:
        truth = actuals(prepared)
        ridge = fitted_ridge(truth.history, prepared.windows["train"], truth.scale.absolute)
    shares = ((1 / len(methods),) * len(methods),) * prepared.panel.num_targets
    is_median, of_counts = config.combine == "median", prepared.pipeline.distribution
    equal = Combination(methods, shares, is_median, ridge, lowest(config), of_counts)
    if len(methods) == 1 or config.combine != "weights":
        return equal
    prior = prior_weights(methods, prepared.season, config.model.start == "pretrained")
    weights = np.tile(prior, (len(shares), 1))
    if held_out := _held_out_methods(equal, models, prepared):
        pooled = [number for number, name in enumerate(methods) if name == RIDGE]
        weights = chosen_weights(held_out, prior, pooled)
    return replace(equal, weights=tuple(map(tuple, weights.tolist())))


def _held_out_methods(
    combination: Combination, models: tuple[Model, ...], prepared: Prepared
) -> HeldOut | None:
    """What every method forecasts of the validation windows; None without any."""
    windows, truth = prepared.windows["validation"], actuals(prepared)
    if not len(windows):
        return None
    fewer = replace(prepared, windows={"validation": spaced_windows(windows, MOST_WEIGHED)})
    batches = list(part_forecasts(models, fewer, "validation"))
    rows = np.concatenate([rows for rows, _ in batches])
    own = np.concatenate([values[..., values.shape[-1] // 2] for _, values in batches])
    partners = combination.partner_forecasts(truth.history, rows, own.shape[1])
    return HeldOut(
        forecasts=np.stack([own, *partners.values()]),
        actual=truth.after(rows, own.shape[1]),
        scale=truth.scale.absolute,
        series=truth.history.series_of(rows),
        times=prepared.panel.positions(rows),
    )


def spaced_windows(windows: Windows, most: int) -> Windows:
    """All windows, or so many of them, evenly spaced."""
    if len(windows) <= most:
        return windows
    return windows.subset(torch.from_numpy(evenly_spaced(len(windows), most)))


# What `summary.json` holds.


def summarised(
    prepared: Prepared, session: Session, models: tuple[Model, ...], combination: Combination
) -> dict[str, Any]:
    """How the training went, and the scores on the test part.

    Args:
        prepared: the data.
        session: a finished training.
        models: what came of it.
        combination: with partners.
    """
    config, kept = prepared.config, session.kept
    summary = {
        "model": combination.name,
        **_weights(combination, prepared.pipeline.targets),
        "parameters": models[0].num_parameters,
        "ensemble": len(models),
        **_members(config, models),
        "learning_rate": config.training.learning_rate,
        "epochs": [len(history) for history in session.histories],
        "kept_epochs": [epoch.number for epoch in kept],
        "validation_loss": [epoch.validation_loss for epoch in kept],
        "stopped": session.reasons,
        "windows": {name: len(prepared.windows[name]) for name in PARTS},
        "season": prepared.season,
        UNTIL: trained_until(prepared.panel, prepared.split),
    }
    return summary | scores_on_test(models, prepared, combination)


def _members(config: Config, models: tuple[Model, ...]) -> dict[str, Any]:
    """What each listed member changes, and how large it is; nothing where they differ by seed."""
    told = [changes_in_words(config.training, number) for number in range(len(config.listed))]
    sizes = [model.num_parameters for model in models]
    return {"members": [*map(list, zip(told, sizes, strict=True))]} if told else {}


def _weights(combination: Combination, targets: tuple[str, ...]) -> dict[str, Any]:
    """The weight of each method and target; nothing without partners."""
    if len(combination.methods) == 1:
        return {}
    if combination.is_median:
        return {"combined": [*combination.methods]}
    return {"weights": combination.weights_of(targets)}


def scores_on_test(
    models: tuple[Model, ...], prepared: Prepared, combination: Combination
) -> dict[str, Any]:
    """Scores on the test part.

    Args:
        models: the members.
        prepared: with windows of the test part.
        combination: with partners, whose weights are known.

    Returns:
        Entries of the summary: scores overall, by step, by target and of extreme series, and the
        verdict.
    """
    config, panel, model = prepared.config, prepared.panel, combination.name
    if len(combination.methods) > 1:
        fewer = spaced_windows(prepared.windows["test"], MOST_TESTED)
        prepared = replace(prepared, windows={**prepared.windows, "test": fewer})
    num_windows = len(prepared.windows["test"])
    if not num_windows:
        return {"verdict": "There is no test part, so nothing is known of the accuracy."}
    if prepared.pipeline.labels:
        sums = label_sums(part_forecasts(models, prepared), prepared, model)
        return label_summary(sums, prepared, model, num_windows)
    scores, of_quantiles, of_zeros = _test_scores(models, prepared, combination)
    metrics = overall(scores)
    best = best_opponent(metrics, model)

    def extreme(worst: bool) -> dict[str, float]:
        if not panel.has_ids:
            return {}
        return extreme_series(scores[model], panel.ids, NAMED_SERIES, worst)

    return {
        **({"quantile_metrics": of_quantiles.overall()} if of_quantiles else {}),
        "metrics": metrics,
        "best_opponent": best,
        "mae_by_step": {name: sums.per_step()["MAE"].tolist() for name, sums in scores.items()},
        "mae_by_target": {
            name: dict(zip(panel.targets, sums.per_target()["MAE"].tolist(), strict=True))
            for name, sums in scores.items()
        },
        "worst_series": extreme(worst=True),
        "best_series": extreme(worst=False),
        "median_series": median_series(scores[model], panel.ids) if panel.has_ids else {},
        "verdict": verdict(metrics, model, num_windows, combination.methods),
        "remarks": [
            *remarks(scores, model, best, config.window.horizon, config.training.loss),
            *of_zeros,
        ],
    }


def _test_scores(
    models: tuple[Model, ...], prepared: Prepared, combination: Combination
) -> tuple[dict[str, ErrorSums], ErrorSums | None, list[str]]:
    """Errors of every method on the test part, those of the quantiles if there are any, and what
    is to be said of medians that are zero."""
    truth = actuals(prepared)
    rivals = {"linear_model": linear_opponent(prepared)}
    quantiles = quantiles_of(prepared.config.training.loss)
    scores: dict[str, ErrorSums] = {}
    of_quantiles = ErrorSums(quantile_metrics(quantiles), prepared.panel.num_series)
    is_median = prepared.config.training.loss.key() in MEDIANS
    targets = prepared.panel.targets
    zeros, sizes = ZeroMedians.none(len(targets)), np.nanmean(np.abs(truth.history.values), axis=0)
    for rows, values in part_forecasts(models, prepared):
        own = values[..., len(quantiles) // 2]
        methods = combination.all_methods(own, truth.history, rows)
        scores = with_batch(scores, rows, methods, truth, rivals)
        if len(quantiles) > 1:
            values = combination.moved(values, methods[combination.name])
            errors = quantile_errors(truth.after(rows, values.shape[1]), values, quantiles)
            of_quantiles = of_quantiles.add(errors, truth.history.series_of(rows))
        if truth.history.is_intermittent and is_median:
            mean = methods[combination.name]
            median = values[..., quantiles.index(0.5)] if len(quantiles) > 1 else mean
            zeros = zeros.add(truth.after(rows, values.shape[1]), median, mean, sizes)
    has_mean = prepared.pipeline.distribution is not None
    suits = "negative_binomial" if are_counts(truth.values) else "tweedie"
    said = zeros.sentences(targets, has_mean, suits)
    return scores, of_quantiles if len(quantiles) > 1 else None, said
