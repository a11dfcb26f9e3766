"""Rules that every model obeys when it forecasts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from forecast.config.model import ModelConfig
from forecast.models.forecaster import Forecaster
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.training.seeds import seeded
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

Rule = Callable[[Case], bool]


def _close(first: Tensor, second: Tensor, relative: float = 1e-9) -> bool:
    """Alike but for the order in which sums are taken."""
    size = float(second.abs().max())
    return torch.allclose(first, second, rtol=0, atol=relative * max(size, 1.0))


def has_a_forecast_of_every_step(case: Case) -> bool:
    """Windows, steps, targets, quantiles."""
    levels = case.shape.num_quantiles
    return forecast(case.model(), batch()).shape == (5, HORIZON, TARGETS, levels)


def repeats_itself(case: Case) -> bool:
    """The same windows give the same bytes."""
    model = case.model()
    return torch.equal(forecast(model, batch()), forecast(model, batch()))


def leaves_its_input(case: Case) -> bool:
    """A forecast changes nothing of a batch."""
    given = batch()
    forecast(case.model(), given)
    expected = batch()
    return all(
        torch.equal(getattr(given, name), getattr(expected, name))
        for name in ("past", "future", "static")
    )


def leaves_its_weights(case: Case) -> bool:
    """A forecast changes nothing of the model."""
    model = case.model()
    before = copied(model)
    forecast(model, batch())
    return same(copied(model), before)


def leaves_the_random_state(case: Case) -> bool:
    """A forecast draws nothing."""
    before = torch.get_rng_state()
    forecast(case.model(), batch())
    return torch.equal(torch.get_rng_state(), before)


def is_the_same_with_gradients(case: Case) -> bool:
    """Whether gradients are recorded makes no difference."""
    model, given = case.model(), batch()
    with_gradients = model(given.past, given.future, given.static).detach()
    return torch.equal(with_gradients, forecast(model, given))


def does_not_read_the_truth(case: Case) -> bool:
    """A model that forecasts is not helped by targets."""
    model, given = case.model(), batch()
    return torch.equal(forecast(model, given, given.target), forecast(model, given))


def is_the_same_for_any_batch_size(case: Case) -> bool:
    """A window by itself is forecast as among others."""
    model, given = case.model(), batch()
    single = [given.changed(itemgetter(slice(row, row + 1))) for row in range(5)]
    return _close(torch.cat([forecast(model, one) for one in single]), forecast(model, given))


def is_the_same_in_any_order(case: Case) -> bool:
    """The order of the windows in a batch is that of the forecasts, and nothing else."""
    model, given = case.model(), batch()
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = given.changed(lambda t: t[order])
    return _close(forecast(model, mixed), forecast(model, given)[order])


def does_not_see_other_windows(case: Case) -> bool:
    """Another window in the batch, however far away, changes nothing."""
    model, given = case.model(), batch()
    past = given.past.clone()
    past[0] = 1e6
    return _close(forecast(model, replace(given, past=past))[1:], forecast(model, given)[1:])


def takes_any_memory_layout(case: Case) -> bool:
    """Strides are no part of the values."""
    strided = batch().changed(lambda t: t.movedim(0, -1).contiguous().movedim(-1, 0))
    model = case.model()
    return _close(forecast(model, strided), forecast(model, batch()))


def is_the_same_in_single_precision(case: Case) -> bool:
    """float32 loses digits, no more."""
    single = batch().changed(torch.Tensor.float)
    expected = forecast(case.model(), batch())
    return _close(forecast(case.model().float(), single).double(), expected, 1e-4)


def is_the_same_on_a_gpu(case: Case) -> bool:
    """CPU and CUDA agree, where there is a device."""
    if not torch.cuda.is_available():
        return True
    there = batch().changed(torch.Tensor.cuda)
    found = forecast(case.model().cuda(), there).cpu()
    return _close(found, forecast(case.model(), batch()), 1e-7)


def is_made_of_its_seed(case: Case) -> bool:
    """The same seed gives the same weights, another one others."""
    return same(copied(case.model()), copied(case.model())) and not same(
        copied(case.model()), copied(case.model(1))
    )


def is_made_of_its_configuration(case: Case) -> bool:
    """A configuration that was written and read gives the same model."""
    text = case.config.model_dump_json()
    again = replace(case, config=ModelConfig.model_validate_json(text))
    return same(copied(again.model()), copied(case.model()))


def is_the_same_after_save_and_load(case: Case) -> bool:
    """A checkpoint holds all of the weights, bit for bit."""
    path, model, other = case.folder / "model", case.model(), case.model(1)
    save_checkpoint(path, "model", model.state_dict(), {})
    other.load_state_dict(load_checkpoint(path, "model")[0])
    return torch.equal(forecast(other, batch()), forecast(model, batch()))


def is_saved_to_the_same_bytes(case: Case) -> bool:
    """A checkpoint of the same weights is the same file."""
    paths = [case.folder / name for name in ("first", "second")]
    for path in paths:
        save_checkpoint(path, "model", case.model().state_dict(), {})
    return paths[0].read_bytes() == paths[1].read_bytes()


def is_the_same_when_copied(case: Case) -> bool:
    """A copy shares nothing with its model, and forecasts as it does."""
    model = case.model()
    expected = forecast(model, batch())
    other = copy.deepcopy(model)
    for weight in model.parameters():
        weight.data.zero_()
    return torch.equal(forecast(other, batch()), expected)


def has_quantiles_in_order(case: Case) -> bool:
    """A higher level is never forecast lower."""
    return bool((forecast(case.model(), batch()).diff(dim=3) >= 0).all())


def is_finite_on_a_constant_window(case: Case) -> bool:
    """A window without any change has a forecast."""
    levels = torch.tensor([0.0, 1.0, -1e-6, 1e6, 3.0], dtype=torch.float64)[:, None, None]
    flat = with_values(batch(), levels.expand(5, LOOKBACK, TARGETS))
    return bool(forecast(case.model(), flat).isfinite().all())


def is_finite_on_a_window_far_from_zero(case: Case) -> bool:
    """Large and small values have a forecast, in single precision too."""
    model = case.model().float()
    far = [batch(scale=scale).changed(torch.Tensor.float) for scale in (1e-12, 1e-3, 1e4, 1e12)]
    return all(bool(forecast(model, each).isfinite().all()) for each in far)


def moves_with_its_window(case: Case) -> bool:
    """A window moved by a constant moves its forecast, where the normalisation takes it away."""
    if case.config.window_norm == "none":
        return True
    model, given = case.model(), batch()
    by = torch.tensor([5.0, -30.0], dtype=torch.float64)
    moved = forecast(model, with_values(given, values_of(given) + by))
    return _close(moved, forecast(model, given) + by[:, None])


def scales_with_its_window(case: Case) -> bool:
    """A window times a constant has its forecast times it, where the deviation is divided by."""
    if case.config.window_norm != "standard":
        return True
    model, given, by = case.model(), batch(), 1e4  # the variance has 1e-5 added
    large = with_values(given, values_of(given) * by)
    larger = with_values(given, values_of(given) * by * 8)
    return _close(forecast(model, larger), forecast(model, large) * 8, 1e-7)


def does_not_see_what_comes_after_the_origin(case: Case) -> bool:
    """Targets and past covariates after the origin change no forecast."""
    model, known = case.model().float(), windows()
    index, row = torch.tensor([2]), 2 + LOOKBACK
    later = known.inputs.clone()
    later[row:, :-1] = 1e6
    other = replace(known, inputs=later, targets=later[:, :TARGETS])
    return torch.equal(forecast(model, known.gather(index)), forecast(model, other.gather(index)))


def does_not_see_what_comes_before_the_lookback(case: Case) -> bool:
    """Rows before the window change no forecast."""
    model, known = case.model().float(), windows()
    earlier = known.inputs.clone()
    earlier[:5] = 1e6
    other, index = replace(known, inputs=earlier), torch.tensor([5])
    return torch.equal(forecast(model, known.gather(index)), forecast(model, other.gather(index)))


def does_not_see_the_other_series(case: Case) -> bool:
    """Rows of another series change no forecast."""
    model, known = case.model().float(), windows()
    last = len(known) // 2 - 1  # of the first series
    others = known.inputs.clone()
    others[known.first_rows[1] :] = 1e6
    other, index = replace(known, inputs=others), torch.tensor([last])
    return torch.equal(forecast(model, known.gather(index)), forecast(model, other.gather(index)))


def hears_of_a_step_only_from_then_on(case: Case) -> bool:
    """What is known of a step changes no forecast of an earlier segment, if steps follow steps."""
    if case.config.head == "direct":
        return True
    model, given = case.model(), batch()
    future = given.future.clone()
    future[:, case.config.segment :] = 9.0
    told = forecast(model, replace(given, future=future))[:, : case.config.segment]
    return torch.equal(told, forecast(model, given)[:, : case.config.segment])


def depends_on_all_that_it_is_given(case: Case) -> bool:
    """Every target, covariate of the lookback and the horizon, and static column counts."""
    model, given = case.model(), batch().changed(torch.Tensor.clone)
    inputs = (given.past, given.future, given.static)
    for each in inputs:
        each.requires_grad_()
    gradients = torch.autograd.grad(model(*inputs).square().sum(), inputs, allow_unused=True)
    return all(
        each is not None and bool(each.flatten(0, -2).any(dim=0).all()) for each in gradients
    )


def keeps_independent_targets_apart(case: Case) -> bool:
    """The other target changes no forecast, if each is a window of its own."""
    if case.config.channels == "joint":
        return True
    model, given = case.model(), batch()
    values = values_of(given).clone()
    values[..., 1] += 9.0
    other = forecast(model, with_values(given, values))
    return _close(other[:, :, 0], forecast(model, given)[:, :, 0])


def treats_independent_targets_alike(case: Case) -> bool:
    """Targets that change places change those of their forecasts; a parallel head tells them."""
    if case.config.channels == "joint" or case.config.head == "parallel":
        return True
    model, given = case.model(), batch()
    swapped = forecast(model, with_values(given, values_of(given).flip(2)))
    return _close(swapped, forecast(model, given).flip(2))


def begins_without_its_skip(case: Case) -> bool:
    """A new model with a linear skip forecasts what it would without one."""
    plain = case.config.model_copy(update={"linear_skip": "none"})
    made = []
    for config in (case.config, plain):
        with seeded(0):
            made.append(Forecaster(config, case.shape).double().eval())
    return torch.equal(*(forecast(model, batch()) for model in made))


RULES: tuple[Rule, ...] = (
    has_a_forecast_of_every_step,
    repeats_itself,
    leaves_its_input,
    leaves_its_weights,
    leaves_the_random_state,
    is_the_same_with_gradients,
    does_not_read_the_truth,
    is_the_same_for_any_batch_size,
    is_the_same_in_any_order,
    does_not_see_other_windows,
    takes_any_memory_layout,
    is_the_same_in_single_precision,
    is_the_same_on_a_gpu,
    is_made_of_its_seed,
    is_made_of_its_configuration,
    is_the_same_after_save_and_load,
    is_saved_to_the_same_bytes,
    is_the_same_when_copied,
    has_quantiles_in_order,
    is_finite_on_a_constant_window,
    is_finite_on_a_window_far_from_zero,
    moves_with_its_window,
    scales_with_its_window,
    does_not_see_what_comes_after_the_origin,
    does_not_see_what_comes_before_the_lookback,
    does_not_see_the_other_series,
    hears_of_a_step_only_from_then_on,
    depends_on_all_that_it_is_given,
    keeps_independent_targets_apart,
    treats_independent_targets_alike,
    begins_without_its_skip,
)
