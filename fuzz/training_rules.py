"""Rules that every model and loss obeys in training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from forecast.data.windows import Batch
from forecast.training.learner import Learner
from forecast.training.loop import Epoch, evaluate, fit
from forecast.training.step import set_gradient
from fuzz.cases import (
    HORIZON,
    LOOKBACK,
    TARGETS,
    Case,
    batch,
    copied,
    forecast,
    same,
    values_of,
    windows,
    with_values,
)
from fuzz.forecast_rules import Rule


def _epochs(learner: Learner, *arguments: Any) -> list[Epoch]:
    """Train without a pause."""
    return [epoch for epoch in fit(learner, *arguments) if isinstance(epoch, Epoch)]


def _trained(learner: Learner, validate: bool = False) -> dict[str, Tensor]:
    """Weights after all epochs."""
    list(fit(learner, windows(), windows(1) if validate else None))
    return copied(learner.model)


def _gradients(case: Case, of: Batch) -> dict[str, Tensor]:
    """Of the loss of a batch, for every weight that it reaches."""
    learner = case.learner(case.model().train())
    set_gradient(learner, [lambda: of])
    weights = learner.model.named_parameters()
    return {name: weight.grad for name, weight in weights if weight.grad is not None}


def _loss(case: Case, of: Batch, **training: Any) -> float:
    return set_gradient(case.learner(case.model().train(), **training), [lambda: of]).item()


def trains_to_the_same_bytes(case: Case) -> bool:
    """The same seed and windows give the same weights."""
    return same(_trained(case.fresh()), _trained(case.fresh()))


def trains_otherwise_from_another_seed(case: Case) -> bool:
    """The order of the windows follows from the seed."""
    model = copied(case.fresh().model)
    other = case.fresh(seed=1)
    other.model.load_state_dict(model)
    return not same(_trained(case.fresh()), _trained(other))


def leaves_the_windows(case: Case) -> bool:
    """Training changes no data."""
    given, expected = windows(), windows()
    list(fit(case.fresh(), given, given))
    pairs = [(given.inputs, expected.inputs), (given.targets, expected.targets)]
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def leaves_the_random_state_in_training(case: Case) -> bool:
    """Training draws from generators of its own."""
    before = torch.get_rng_state()
    list(fit(case.fresh(), windows(), None))
    return torch.equal(torch.get_rng_state(), before)


def is_not_trained_by_validation(case: Case) -> bool:
    """Weights are the same with validation windows and without."""
    return same(_trained(case.fresh(), validate=True), _trained(case.fresh()))


def goes_on_as_if_it_had_not_stopped(case: Case) -> bool:
    """An epoch, and then another from its record, are two."""
    learner = case.fresh()
    first = next(fit(learner, windows(), None))
    assert isinstance(first, Epoch)
    list(fit(learner, windows(), None, [first]))
    return same(copied(learner.model), _trained(case.fresh()))


def stays_finite_in_training(case: Case) -> bool:
    """Losses and weights are numbers."""
    learner = case.fresh()
    epochs = _epochs(learner, windows(), windows(1))
    return all(epoch.is_finite for epoch in epochs) and all(
        bool(weight.isfinite().all()) for weight in copied(learner.model).values()
    )


def changes_every_weight(case: Case) -> bool:
    """No part of the model is left out of the training."""
    before = copied(case.fresh().model)
    after = _trained(case.fresh())
    return not any(torch.equal(before[name], after[name]) for name in before)


def is_scored_alike_twice(case: Case) -> bool:
    """An evaluation changes nothing."""
    learner = case.learner(case.model().float())
    before = copied(learner.model)
    return evaluate(learner, windows()) == evaluate(learner, windows()) and same(
        copied(learner.model), before
    )


def is_scored_as_its_forecasts_are(case: Case) -> bool:
    """The validation loss is that of the forecasts, by plain loops over what is known."""
    model, given = case.model(), windows()
    everything = given.gather(torch.arange(len(given)))
    forecasts = forecast(model.float(), everything).tolist()
    actual = everything.target.tolist()
    losses = [
        _error(case, value, actual[window][step][target], level)
        for window, steps in enumerate(forecasts)
        for step, targets in enumerate(steps)
        for target, levels in enumerate(targets)
        for level, value in enumerate(levels)
        if not math.isnan(actual[window][step][target])
    ]
    mean = sum(losses) / len(losses)
    return math.isclose(evaluate(case.learner(model), given), mean, rel_tol=1e-4)


def _error(case: Case, forecast: float, actual: float, level: int) -> float:
    """One error by its definition."""
    error = actual - forecast
    match case.loss.key():
        case "mse":
            return error**2
        case "mae":
            return abs(error)
        case "huber":
            return error**2 / 2 if abs(error) <= 1 else abs(error) - 0.5
        case "log_cosh":
            return abs(error) + math.log((1 + math.exp(-2 * abs(error))) / 2)
        case _:
            share = (0.025, 0.1, 0.5, 0.9, 0.975)[level]
            return share * error if error >= 0 else (share - 1) * error


def has_no_loss_where_it_is_right(case: Case) -> bool:
    """The loss of the truth is zero, and no other is below it."""
    learner, given = case.learner(case.model()), batch()
    truth = given.target.nan_to_num()
    exact = truth[..., None].expand(*truth.shape, case.shape.num_quantiles)
    off = exact + torch.linspace(-2, 2, exact.numel(), dtype=exact.dtype).view_as(exact)
    return abs(float(learner.loss(exact, truth))) < 1e-7 < float(learner.loss(off, truth))


def does_not_see_masked_targets(case: Case) -> bool:
    """What stands where nothing was observed changes neither loss nor gradient."""
    learner, given = case.learner(case.model()), batch()
    forecasts = forecast(learner.model, given).requires_grad_()
    learner.loss(forecasts, given.target).backward()
    assert forecasts.grad is not None
    masked = given.target.isnan()[..., None].expand_as(forecasts)
    return not forecasts.grad[masked].any() and bool(forecasts.grad[~masked].any())


def takes_a_batch_without_a_target(case: Case) -> bool:
    """The loss of nothing is zero, and so are its gradients."""
    nothing = replace(batch(), target=torch.full_like(batch().target, torch.nan))
    gradients = _gradients(case, nothing)
    return _loss(case, nothing) == 0 and not any(each.any() for each in gradients.values())


def has_a_loss_of_parts(case: Case) -> bool:
    """The loss of a batch is the mean of its windows' by the number of their targets."""
    given, learner = batch(), case.learner(case.model())
    forecasts = forecast(learner.model, given)
    parts = [
        (learner.loss(forecasts[row : row + 1], target[None]), (~target.isnan()).sum())
        for row, target in enumerate(given.target)
    ]
    mean = sum(loss * count for loss, count in parts) / sum(count for _, count in parts)
    return bool(torch.isclose(mean, learner.loss(forecasts, given.target), rtol=1e-6))


def has_the_same_loss_in_any_order(case: Case) -> bool:
    """The order of windows is no part of the loss."""
    mixed = batch().changed(lambda t: t[torch.tensor([3, 1, 4, 0, 2])])
    return math.isclose(_loss(case, mixed), _loss(case, batch()), rel_tol=1e-9)


def has_a_loss_in_proportion_to_the_weights(case: Case) -> bool:
    """Weights of windows multiply their losses."""
    weight = torch.tensor([[1.0, 2.0], [0.5, 1.0], [3.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    light, heavy = (replace(batch(), weight=weight.double() * unit) for unit in (1, 64))
    return math.isclose(64 * _loss(case, light), _loss(case, heavy), rel_tol=1e-6)


def leaves_its_batch(case: Case) -> bool:
    """A step of training changes nothing of its batch."""
    given, expected = batch(), batch()
    _gradients(case, given)
    names = ("past", "future", "static", "target")
    pairs = [(getattr(given, name), getattr(expected, name)) for name in names]
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def reaches_every_weight(case: Case) -> bool:
    """Each weight has a gradient that is not zero throughout."""
    gradients = _gradients(case, batch())
    names = {name for name, _ in case.model().named_parameters()}
    return gradients.keys() == names and all(each.any() for each in gradients.values())


def has_finite_gradients_on_a_constant_window(case: Case) -> bool:
    """A window without any change does no harm."""
    flat = with_values(batch(), torch.ones(5, LOOKBACK, TARGETS, dtype=torch.float64))
    return all(bool(each.isfinite().all()) for each in _gradients(case, flat).values())


def has_the_gradient_of_its_loss(case: Case) -> bool:
    """Along a random direction the loss changes as its gradient says (central difference)."""
    gradients, generator = _gradients(case, batch()), torch.Generator().manual_seed(5)
    direction = {
        name: torch.randn(each.shape, generator=generator, dtype=each.dtype)
        for name, each in case.model().named_parameters()
    }
    slope = float(sum((direction[name] * each).sum() for name, each in gradients.items()))
    ahead, behind = (_loss_at(case, direction, step) for step in (1e-6, -1e-6))
    return math.isclose((ahead - behind) / 2e-6, slope, rel_tol=1e-4, abs_tol=1e-6)


def _loss_at(case: Case, direction: dict[str, Tensor], step: float) -> float:
    """The loss of a batch with the weights moved."""
    model = case.model().train()
    for name, weight in model.named_parameters():
        weight.data += step * direction[name]
    return set_gradient(case.learner(model), [batch]).item()


def is_taught_nothing_of_a_step_before_it(case: Case) -> bool:
    """In training, the truth of a step changes no forecast of it or of a step before."""
    model, given = case.model().train(), batch()
    for step in range(HORIZON):
        target = given.target.clone()
        target[:, step:] = 9.0
        told, plain = (
            forecast(model, given, each)[:, : step + 1] for each in (target, given.target)
        )
        if not torch.equal(told, plain):
            return False
    return True


def is_not_carried_away_by_its_level(case: Case) -> bool:
    """Lookback and truth moved alike leave the loss, where the normalisation takes it away."""
    if case.config.window_norm == "none":
        return True
    given = batch()
    moved = with_values(replace(given, target=given.target + 50), values_of(given) + 50)
    return math.isclose(_loss(case, moved), _loss(case, given), rel_tol=1e-7)


def pays_for_its_weights(case: Case) -> bool:
    """l1 and l2 add the sums of |w| and w^2 to the loss, biases apart."""
    weights = [w.data for name, w in case.model().named_parameters() if "bias" not in name]
    l1, l2 = (float(sum(f(w).sum() for w in weights)) for f in (torch.abs, torch.square))
    added = _loss(case, batch(), l1=0.5, l2=0.25) - _loss(case, batch())
    return math.isclose(added, 0.5 * l1 + 0.25 * l2, rel_tol=1e-9)


RULES: tuple[Rule, ...] = (
    trains_to_the_same_bytes,
    trains_otherwise_from_another_seed,
    leaves_the_windows,
    leaves_the_random_state_in_training,
    is_not_trained_by_validation,
    goes_on_as_if_it_had_not_stopped,
    stays_finite_in_training,
    changes_every_weight,
    is_scored_alike_twice,
    is_scored_as_its_forecasts_are,
    has_no_loss_where_it_is_right,
    does_not_see_masked_targets,
    takes_a_batch_without_a_target,
    has_a_loss_of_parts,
    has_the_same_loss_in_any_order,
    has_a_loss_in_proportion_to_the_weights,
    leaves_its_batch,
    reaches_every_weight,
    has_finite_gradients_on_a_constant_window,
    has_the_gradient_of_its_loss,
    is_taught_nothing_of_a_step_before_it,
    is_not_carried_away_by_its_level,
    pays_for_its_weights,
)
