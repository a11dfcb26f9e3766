"""The training loop: seeds, resuming, full batches, evaluation, clipping, stopping, warnings."""

import copy
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.windows import Windows
from forecast.models.config import ModelConfig
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training import loop
from forecast.training.config import (
    Adam,
    AdamW,
    Cosine,
    EarlyStoppingConfig,
    Exponential,
    GradientDescent,
    Huber,
    MeanAbsolute,
    OneCycle,
    Plateau,
    Quantile,
    RMSprop,
    Step,
    StochasticGradientDescent,
    TrainingConfig,
)
from forecast.training.loop import (
    Epoch,
    Learner,
    batch_order,
    batches_per_epoch,
    best_epoch,
    build_learner,
    evaluate,
    fit,
    stop_reason,
    symptoms,
    take_step,
)
from forecast.training.losses import quantile_levels

LOOKBACK, HORIZON = 5, 3
SGD = StochasticGradientDescent(momentum=0.0)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(autouse=True)
def _one_thread():
    """Models as small as these are far slower on two threads while the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_windows(count: int = 19, seed: int = 0, masked: float = 0.0) -> Windows:
    """Windows over a noisy wave; some targets are masked, more of them at the end."""
    rng = np.random.default_rng(seed)
    rows = count + LOOKBACK + HORIZON - 1
    values = np.sin(np.arange(rows) / 3) + 0.3 * rng.normal(size=rows)
    targets = np.where(rng.random(rows) < masked * np.arange(rows) / rows, np.nan, values)
    return Windows(
        inputs=torch.tensor(values[:, None], dtype=torch.float32),
        targets=torch.tensor(targets[:, None], dtype=torch.float32),
        static=torch.zeros(1, 0),
        series=torch.zeros(count, dtype=torch.int64),
        starts=torch.arange(count),
        lookback=LOOKBACK,
        horizon=HORIZON,
        num_future=0,
    )


def make_learner(
    config: TrainingConfig, rate: float = 0.01, seed: int = 0, dropout: float = 0.0, device="cpu"
) -> Learner:
    """A learner whose first weights follow from the seed; the global generator is left alone."""
    levels = len(quantile_levels(config.loss))
    shape = WindowShape(LOOKBACK, HORIZON, 1, num_quantiles=levels)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = Forecaster(ModelConfig(hidden_size=4, num_layers=2, dropout=dropout), shape)
    return build_learner(model.to(device), config, rate, seed)


def weights_of(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in learner.model.state_dict().items()}


def same_bytes(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def without_time(history: list[Epoch]) -> list[tuple]:
    return [
        (e.number, e.step, e.train_loss, e.validation_loss, e.learning_rate, e.gradient_norms)
        for e in history
    ]


def gathered(monkeypatch) -> list[torch.Tensor]:
    """The window numbers of every batch that is gathered from now on."""
    seen: list[torch.Tensor] = []
    gather = Windows.gather

    def spy(windows: Windows, index: torch.Tensor):
        seen.append(index.clone())
        return gather(windows, index)

    monkeypatch.setattr(Windows, "gather", spy)
    return seen


def record(
    number: int,
    train: float = 1.0,
    validation: float | None = None,
    seconds: float = 0.0,
    norms=None,
) -> Epoch:
    return Epoch(number, 10 * number, train, validation, 0.1, seconds, norms or {})


def records(*validations: float) -> list[Epoch]:
    """A history with these validation losses and a steadily falling training loss."""
    return [record(n, 1 / n, loss) for n, loss in enumerate(validations, start=1)]


# --- fit -------------------------------------------------------------------------------------


def test_fit_yields_one_record_an_epoch() -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=3), rate=0.02)
    history = list(fit(learner, make_windows(19), make_windows(6, seed=1)))
    assert [(e.number, e.step) for e in history] == [(1, 3), (2, 6), (3, 9)]
    assert {e.learning_rate for e in history} == {0.02}
    assert history[0].seconds < history[1].seconds < history[2].seconds
    names = [name for name, _ in learner.model.named_parameters()]
    assert all(list(e.gradient_norms) == names for e in history)
    assert all(e.monitored == e.validation_loss != e.train_loss for e in history)


def test_training_lowers_the_loss() -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=40))
    history = list(fit(learner, make_windows(40), None))
    assert history[-1].train_loss < 0.5 * history[0].train_loss


def test_the_caller_may_stop_at_any_epoch() -> None:
    learner = make_learner(TrainingConfig(epochs=50))
    for epoch in fit(learner, make_windows(), None):
        if epoch.number == 2:
            break
    assert epoch.number == 2


@pytest.mark.parametrize("device", DEVICES)
def test_same_seed_same_bytes(device: str) -> None:
    config = TrainingConfig(batch_size=4, epochs=3)
    target = torch.device(device)
    train, validation = make_windows().to(target), make_windows(6, seed=1).to(target)
    first = make_learner(config, dropout=0.4, device=device)
    second = make_learner(config, dropout=0.4, device=device)
    history = list(fit(first, train, validation))
    torch.rand(7)  # what the caller draws in between does not matter
    assert without_time(list(fit(second, train, validation))) == without_time(history)
    assert same_bytes(weights_of(first), weights_of(second))


@pytest.mark.parametrize(("count", "dropout"), [(19, 0.0), (1, 0.4)])
def test_order_and_dropout_follow_from_the_seed(count: int, dropout: float) -> None:
    """Equal first weights, another seed: another order, and of a single window other units."""
    config = TrainingConfig(batch_size=4, epochs=1)
    losses = []
    for seed in (0, 1):
        one = make_learner(config, dropout=dropout)
        (epoch,) = fit(replace(one, seed=seed), make_windows(count), None)
        losses.append(epoch.train_loss)
    assert abs(losses[0] - losses[1]) > 1e-4 * losses[0]


def test_the_callers_random_states_are_untouched(monkeypatch) -> None:
    """States of Python's own generator cannot be compared: the checks of shapes draw from it."""
    for name in ("seed", "setstate", "random", "randint", "choice", "sample", "shuffle"):
        monkeypatch.setattr(random, name, lambda *_: pytest.fail("Python's generator is used"))
    torch.manual_seed(5)
    state, numpy_state = torch.get_rng_state(), repr(np.random.get_state())
    learner = make_learner(TrainingConfig(batch_size=4, epochs=3), dropout=0.4)
    for _ in fit(learner, make_windows(), make_windows(6, seed=1)):
        assert torch.equal(torch.get_rng_state(), state)
        assert repr(np.random.get_state()) == numpy_state
    assert torch.equal(torch.get_rng_state(), state)


RESUMED = [
    TrainingConfig(optimizer=Adam(), schedule=Cosine(), batch_size=4, epochs=5),
    TrainingConfig(
        optimizer=StochasticGradientDescent(), schedule=OneCycle(), warmup=3, batch_size=8, epochs=5
    ),
    TrainingConfig(optimizer=RMSprop(momentum=0.5), schedule=Step(every=2), batch_size=4, epochs=5),
    TrainingConfig(
        optimizer=AdamW(), schedule=Plateau(patience=1, factor=0.3), batch_size=4, epochs=5
    ),
    TrainingConfig(optimizer=GradientDescent(), schedule=Exponential(), batch_size=4, epochs=5),
    TrainingConfig(optimizer=Adam(), batch_size=4, epochs=5, max_steps=23),
]


@pytest.mark.parametrize(
    ("device", "done"),
    [("cpu", 1), ("cpu", 2), ("cpu", 4), pytest.param("cuda", 2, marks=pytest.mark.gpu)],
)
@pytest.mark.parametrize("config", RESUMED, ids=lambda config: config.optimizer.key())
def test_resumed_equals_uninterrupted(config: TrainingConfig, device: str, done: int) -> None:
    target = torch.device(device)
    train, validation = make_windows().to(target), make_windows(6, seed=1).to(target)
    whole = make_learner(config, rate=0.05, dropout=0.3, device=device)
    history, kept = [], {}
    for epoch in fit(whole, train, validation):
        history.append(epoch)
        if epoch.number == done:
            kept = copy.deepcopy([whole.model.state_dict(), whole.optimizer.state_dict()])
    again = make_learner(config, rate=0.05, dropout=0.3, device=device)
    for parameter in again.model.parameters():
        torch.nn.init.constant_(parameter, 9.0)
    again.model.load_state_dict(kept[0])
    again.optimizer.load_state_dict(kept[1])
    rest = list(fit(again, train, validation, history[:done]))
    assert len(rest) == len(history) - done > 0
    assert without_time(rest) == without_time(history[done:])
    assert same_bytes(weights_of(again), weights_of(whole))


def test_a_plateau_is_counted_across_a_resumption() -> None:
    """Two epochs without a fall stand in the history; the next one is at half the rate."""
    config = TrainingConfig(schedule=Plateau(patience=1, factor=0.5), batch_size=100, epochs=4)
    learner = make_learner(config, rate=0.08)
    history = [Epoch(n, n, 1.0, loss, 0.08, 0.0) for n, loss in ((1, 1.0), (2, 2.0), (3, 2.0))]
    (epoch,) = fit(learner, make_windows(), None, history)
    assert (epoch.number, epoch.step, epoch.learning_rate) == (4, 4, 0.04)


def test_nothing_is_left_to_do_after_the_last_epoch() -> None:
    learner = make_learner(TrainingConfig(batch_size=100, epochs=2))
    history = list(fit(learner, make_windows(), None))
    before = weights_of(learner)
    assert list(fit(learner, make_windows(), None, history)) == []
    assert same_bytes(before, weights_of(learner))


def test_a_training_that_ended_within_an_epoch_goes_on_from_its_step() -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=3, max_steps=4))
    history = list(fit(learner, make_windows(19), None))
    longer = replace(learner, config=TrainingConfig(batch_size=8, epochs=3))
    rest = list(fit(longer, make_windows(19), None, history))
    assert [(epoch.number, epoch.step) for epoch in history + rest] == [
        (1, 3),
        (2, 4),
        (3, 7),
        (4, 9),
    ]


def test_seconds_leave_out_the_pause(monkeypatch) -> None:
    clock = iter([1000.0, 1004.0, 1009.0])
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(clock))
    learner = make_learner(TrainingConfig(batch_size=100, epochs=3))
    before = [Epoch(1, 1, 1.0, None, 0.1, 60.0)]
    found = list(fit(learner, make_windows(), None, before))
    assert [epoch.seconds for epoch in found] == [64.0, 69.0]


@pytest.mark.parametrize("batch_size", [1, 4, 19, 100])
def test_every_window_is_seen_once_an_epoch(batch_size: int, monkeypatch) -> None:
    seen = gathered(monkeypatch)
    learner = make_learner(TrainingConfig(batch_size=batch_size, epochs=3))
    orders = []
    for _ in fit(learner, make_windows(19), None):
        assert [len(index) for index in seen[:-1]] == [batch_size] * (len(seen) - 1)
        orders.append(torch.cat(seen).tolist())
        assert sorted(orders[-1]) == list(range(19))
        seen.clear()
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize(("max_steps", "ends"), [(2, [2]), (3, [3]), (7, [3, 6, 7]), (99, [3, 6])])
def test_max_steps_ends_within_an_epoch(max_steps: int, ends: list[int], monkeypatch) -> None:
    seen = gathered(monkeypatch)
    epochs = 3 if max_steps < 10 else 2
    config = TrainingConfig(batch_size=8, epochs=epochs, max_steps=max_steps, schedule=Cosine())
    history = list(fit(make_learner(config), make_windows(19), None))
    assert [epoch.step for epoch in history] == ends
    assert len(seen) == ends[-1]
    assert history[-1].learning_rate == pytest.approx(0.0)  # the cosine knows of the early end


def test_the_mean_loss_of_a_broken_epoch_is_of_what_was_seen() -> None:
    config = TrainingConfig(batch_size=8, epochs=1, max_steps=1)
    windows = make_windows(19)
    learner = make_learner(config, rate=0.0)
    (epoch,) = fit(learner, windows, None)
    generator = torch.Generator().manual_seed(loop.mixed_seed(0, 1))
    first = torch.randperm(19, generator=generator)[:8]
    assert epoch.train_loss == pytest.approx(evaluate(learner, windows.subset(first)), rel=1e-6)


def test_training_loss_is_the_mean_over_windows_with_penalties() -> None:
    """A rate of 0 leaves the weights, so that the mean can be taken afterwards."""
    config = TrainingConfig(batch_size=8, epochs=1, l1=0.01, l2=0.02)
    learner = make_learner(config, rate=0.0)
    (epoch,) = fit(learner, make_windows(19), None)
    weights = [w for n, w in weights_of(learner).items() if "bias" not in n]
    penalties = sum(float(0.01 * w.abs().sum() + 0.02 * w.square().sum()) for w in weights)
    expected = evaluate(learner, make_windows(19)) + penalties
    assert epoch.train_loss == pytest.approx(expected, rel=1e-5)


def test_learning_rates_of_the_records_follow_the_schedule() -> None:
    """Three steps an epoch; warm-up over the first two epochs, halved from epoch to epoch."""
    config = TrainingConfig(
        batch_size=8, epochs=4, schedule=Exponential(gamma=0.5), warmup=2, optimizer=SGD
    )
    history = list(fit(make_learner(config, rate=0.8), make_windows(19), None))
    found = [epoch.learning_rate for epoch in history]
    assert found == pytest.approx([0.8 * 3 / 6, 0.8 * 0.5, 0.8 * 0.25, 0.8 * 0.125])


# --- gradient descent ------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
@pytest.mark.parametrize("masked", [0.0, 0.9])
def test_gradient_descent_is_one_step_on_all_windows(batch_size: int, masked: float) -> None:
    """Against the gradient of the whole training set at once, masks and penalties included."""
    config = TrainingConfig(
        optimizer=GradientDescent(),
        batch_size=batch_size,
        epochs=2,
        l2=0.01,
        step_weights=(1.0, 2.0, 0.5),
    )
    windows = make_windows(19, masked=masked)
    learner = make_learner(config, rate=0.3)
    model = copy.deepcopy(learner.model)
    step_weights = torch.tensor([1.0, 2.0, 0.5])[:, None]
    for epoch in fit(learner, windows, None):
        batch = windows.gather(torch.arange(19))
        known = ~batch.target.isnan()
        error = model(batch.past, batch.future, batch.static)[..., 0] - batch.target.nan_to_num()
        weight = (known * step_weights).sum()
        loss = (known * step_weights * error**2).sum() / weight
        matrices = [p for n, p in model.named_parameters() if "bias" not in n]
        loss = loss + 0.01 * sum((matrix**2).sum() for matrix in matrices)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= 0.3 * gradient
        assert epoch.step == epoch.number
        assert epoch.train_loss == pytest.approx(loss.item(), rel=1e-5)
        norms = [gradient.norm().item() for gradient in gradients]
        assert list(epoch.gradient_norms.values()) == pytest.approx(norms, rel=1e-3, abs=1e-7)
        torch.testing.assert_close(learner.model.state_dict(), model.state_dict())


def test_batches_per_epoch() -> None:
    assert batches_per_epoch(19, TrainingConfig(batch_size=8)) == 3
    assert batches_per_epoch(16, TrainingConfig(batch_size=8)) == 2
    assert batches_per_epoch(19, TrainingConfig(batch_size=8, optimizer=GradientDescent())) == 1


# --- evaluation ------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [MeanAbsolute(), Quantile(levels=(0.2, 0.5, 0.9))])
@pytest.mark.parametrize("masked", [0.0, 0.8])
def test_evaluation_equals_a_slow_loop_whatever_the_batch(option, masked, monkeypatch) -> None:
    step_weights = (1.0, 3.0, 0.0)
    config = TrainingConfig(loss=option, step_weights=step_weights)
    learner, windows = make_learner(config, dropout=0.5), make_windows(23, masked=masked)
    levels, total, weight = quantile_levels(option), 0.0, 0.0
    learner.model.eval()
    for start in windows.starts.tolist():
        past = windows.inputs[start : start + LOOKBACK][None]
        forecast = learner.model(past, torch.zeros(1, HORIZON, 0), torch.zeros(1, 0))
        for step in range(HORIZON):
            true = windows.targets[start + LOOKBACK + step, 0].item()
            for number, level in enumerate(levels):
                error = true - forecast[0, step, 0, number].item()
                if not math.isnan(error):
                    pinball = max(level * error, (level - 1) * error)
                    one = abs(error) if option.key() == "mae" else pinball
                    total += step_weights[step] * one
                    weight += step_weights[step]
    assert weight < 23 * 4 * len(levels) or not masked
    for size in (1, 7, 23, 1000):
        monkeypatch.setattr(loop, "EVALUATION_BATCH", size)
        assert evaluate(learner, windows) == pytest.approx(total / weight, rel=1e-5)


def test_evaluation_changes_nothing() -> None:
    learner = make_learner(TrainingConfig(), dropout=0.5)
    before, state = weights_of(learner), torch.get_rng_state()
    assert evaluate(learner, make_windows()) == evaluate(learner, make_windows())
    assert same_bytes(before, weights_of(learner))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in learner.model.parameters())


@pytest.mark.parametrize("validation", [None, make_windows(6).subset(torch.arange(0))])
def test_without_validation_windows_there_is_no_validation_loss(validation) -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=2))
    history = list(fit(learner, make_windows(), validation))
    assert [epoch.validation_loss for epoch in history] == [None, None]
    assert [epoch.monitored for epoch in history] == [epoch.train_loss for epoch in history]


def test_validation_is_scored_with_the_weights_of_the_epochs_end() -> None:
    validation = make_windows(6, seed=1)
    learner = make_learner(TrainingConfig(batch_size=8, epochs=2), dropout=0.4)
    for epoch in fit(learner, make_windows(), validation):
        assert epoch.validation_loss == evaluate(learner, validation)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 99))
def test_batch_order(count: int, size: int, seed: int) -> None:
    windows = make_windows(count)
    in_order = batch_order(windows, size)
    assert torch.cat(in_order).tolist() == list(range(count))
    assert [len(batch) for batch in in_order[:-1]] == [size] * (len(in_order) - 1)
    shuffled = torch.cat(batch_order(windows, size, torch.Generator().manual_seed(seed)))
    assert sorted(shuffled.tolist()) == list(range(count))
    again = torch.cat(batch_order(windows, size, torch.Generator().manual_seed(seed)))
    assert torch.equal(shuffled, again)


# --- gradients and steps ---------------------------------------------------------------------


def given_gradients(learner: Learner) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    for parameter in learner.model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return [parameter.grad.clone() for parameter in learner.model.parameters()]


@pytest.mark.parametrize(
    ("clip_value", "clip_norm"), [(None, None), (0.5, None), (None, 2.0), (0.5, 2.0), (9.0, 99.0)]
)
def test_a_step_with_clipped_gradients_by_hand(clip_value, clip_norm) -> None:
    """First every entry is limited, then the norm of all of them together."""
    config = TrainingConfig(optimizer=SGD, clip_value=clip_value, clip_norm=clip_norm)
    learner = make_learner(config)
    before, gradients = weights_of(learner), given_gradients(learner)
    take_step(learner, 0.1)
    flat = np.concatenate([gradient.flatten().double().numpy() for gradient in gradients])
    if clip_value is not None:
        flat = np.minimum(np.maximum(flat, -clip_value), clip_value)
    if clip_norm is not None:
        flat = flat * min(1.0, clip_norm / np.sqrt((flat**2).sum()))
    moved = [(before[n] - w).flatten() for n, w in weights_of(learner).items()]
    np.testing.assert_allclose(torch.cat(moved).numpy(), 0.1 * flat, atol=1e-6)
    assert all(parameter.grad is None for parameter in learner.model.parameters())


def test_gradient_norms_are_those_of_autograd_before_clipping() -> None:
    config = TrainingConfig(batch_size=100, epochs=1, optimizer=SGD, clip_norm=1e-4, loss=Huber())
    windows, learner = make_windows(19), make_learner(config)
    model = copy.deepcopy(learner.model)
    (epoch,) = fit(learner, windows, None)
    batch = windows.gather(torch.arange(19))
    error = model(batch.past, batch.future, batch.static)[..., 0] - batch.target
    loss = torch.where(error.abs() < 1, error**2 / 2, error.abs() - 0.5).mean()
    for name, parameter in model.named_parameters():
        (gradient,) = torch.autograd.grad(loss, parameter, retain_graph=True)
        norm = math.sqrt(float((gradient.double() ** 2).sum()))
        assert epoch.gradient_norms[name] == pytest.approx(norm, rel=1e-4, abs=1e-8)


def test_gradient_norms_are_of_the_last_step() -> None:
    """With a rate of 0 the last batch has the gradient that it had in the beginning."""
    config = TrainingConfig(batch_size=8, epochs=1)
    windows, learner = make_windows(19), make_learner(config, rate=0.0)
    (epoch,) = fit(learner, windows, None)
    order = torch.randperm(19, generator=torch.Generator().manual_seed(loop.mixed_seed(0, 1)))
    loop.batch_loss(learner, windows.gather(order[16:])).backward()
    expected = [parameter.grad.norm().item() for parameter in learner.model.parameters()]
    assert list(epoch.gradient_norms.values()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("option", [Huber(), Quantile()])
def test_a_step_does_not_wait_for_the_device(option) -> None:
    learner = make_learner(TrainingConfig(loss=option, clip_norm=1.0, l2=0.1), device="cuda")
    windows = make_windows().to(learner.device)
    index = torch.arange(8, device=learner.device)
    for mode in ("default", "error"):  # the first step sets the device up
        torch.cuda.set_sync_debug_mode(mode)
        try:
            loop.batch_loss(learner, windows.gather(index)).backward()
            take_step(learner, 0.1)
        finally:
            torch.cuda.set_sync_debug_mode("default")


# --- functions of the history ----------------------------------------------------------------


def test_best_epoch_by_hand() -> None:
    history = records(3.0, 1.0, 2.0, 1.0, 0.9, 5.0)
    assert best_epoch(history).number == 5
    assert best_epoch(history[:4]).number == 2  # the first of equals
    assert best_epoch(history, min_delta=0.5).number == 2  # 0.9 is no fall by more than 0.5
    assert best_epoch(records(1.0, 0.5), min_delta=0.5).number == 1


def test_best_epoch_without_validation_is_by_the_training_loss() -> None:
    assert best_epoch([record(1, 2.0), record(2, 1.0), record(3, 1.5)]).number == 2


def test_best_epoch_is_never_one_without_a_number() -> None:
    nan = math.nan
    assert best_epoch(records(nan, 2.0, nan, 3.0)).number == 2
    assert best_epoch(records(math.inf, 2.0, nan)).number == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=30))
def test_best_epoch_is_the_first_lowest(losses: list[float]) -> None:
    assert best_epoch(records(*losses)).number == 1 + int(np.argmin(losses))


def test_early_stopping_by_hand() -> None:
    config = TrainingConfig(early_stopping=EarlyStoppingConfig(patience=3))
    history = records(3.0, 1.0, 2.0, 1.5, 1.0)
    reasons = [stop_reason(history[: n + 1], config) for n in range(5)]
    assert reasons == [None] * 4 + ["no lower validation loss since epoch 2"]


def test_early_stopping_wants_a_fall_of_min_delta() -> None:
    stopping = EarlyStoppingConfig(patience=2, min_delta=0.1)
    config = TrainingConfig(early_stopping=stopping)
    history = records(1.0, 0.95, 0.91)
    assert stop_reason(history, config) == "no lower validation loss since epoch 1"
    assert stop_reason(records(1.0, 0.95, 0.85), config) is None
    steady = TrainingConfig(early_stopping=EarlyStoppingConfig(patience=2))
    assert stop_reason(history, steady) is None


def test_early_stopping_needs_validation_and_may_be_off() -> None:
    rising = [record(n, float(n)) for n in range(1, 9)]
    config = TrainingConfig(early_stopping=EarlyStoppingConfig(patience=2))
    assert stop_reason(rising, config) is None
    assert stop_reason(records(1.0, 2.0, 3.0, 4.0), TrainingConfig(early_stopping=None)) is None


def test_convergence_by_hand() -> None:
    history = [record(1, 1.0), record(2, 0.5), record(3, 0.495)]
    config = TrainingConfig(tolerance=0.01, early_stopping=None)
    assert stop_reason(history[:1], config) is None
    assert stop_reason(history[:2], config) is None
    assert stop_reason(history, config) == "converged: the training loss changed by 0.005"
    assert stop_reason(history, TrainingConfig(tolerance=0.004, early_stopping=None)) is None
    up = [record(1, 0.495), record(2, 0.5)]
    assert stop_reason(up, config) == "converged: the training loss changed by 0.005"
    same = [record(1, 0.5), record(2, 0.5)]
    assert stop_reason(same, TrainingConfig(early_stopping=None)) is None  # 0: never


def test_wall_time_by_hand() -> None:
    config = TrainingConfig(max_minutes=1.5, early_stopping=None)
    assert stop_reason([record(1, seconds=89.9)], config) is None
    assert stop_reason([record(1, seconds=90.0)], config) == "1.5 minutes are over"
    assert stop_reason([record(1, seconds=1e9)], TrainingConfig()) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_training(bad: float) -> None:
    reason = stop_reason([record(1), record(2, bad, 1.0)], TrainingConfig())
    assert reason == f"the training loss is {bad} in epoch 2: the learning rate is too high"
    reason = stop_reason([record(1), record(2, 1.0, bad)], TrainingConfig())
    assert reason == f"the validation loss is {bad} in epoch 2: the learning rate is too high"


def test_a_training_that_diverges_ends_in_such_a_stop() -> None:
    config = TrainingConfig(optimizer=SGD, batch_size=8, epochs=60)
    history = []
    for epoch in fit(make_learner(config, rate=1e8), make_windows(), make_windows(6, seed=1)):
        history.append(epoch)
        if stop_reason(history, config):
            break
    assert "the learning rate is too high" in stop_reason(history, config)
    assert history[-1].number < 60


def test_a_rising_loss_is_warned_of() -> None:
    warning = "the training loss has risen for 3 epochs: learning rate too high?"
    assert symptoms([record(n, loss) for n, loss in enumerate([5.0, 1.0, 1.1, 1.2, 1.6])]) == [
        warning
    ]
    assert symptoms([record(n, loss) for n, loss in enumerate([1.0, 1.01, 1.02, 1.03])]) == []
    assert symptoms([record(n, loss) for n, loss in enumerate([1.0, 1.2, 1.3, 1.4])]) == []
    assert symptoms([record(n, loss) for n, loss in enumerate([1.0, 2.0, 1.9, 3.0])]) == []
    assert symptoms([record(n, loss) for n, loss in enumerate([1.0, 2.0, 3.0])]) == []


def norms(first: float, second: float) -> dict[str, float]:
    return {
        "stack.layers.0.weight_ih_l0": first,
        "stack.layers.0.weight_hh_l1": second,
        "stack.layers.0.bias_ih_l0": 1e9,
        "head.output.weight": 1e-30,
    }


def test_exploding_gradients_are_warned_of() -> None:
    (warning,) = symptoms([record(1, norms=norms(1.0, 2000.0))])
    assert "stack.layers.0.weight_hh_l1 explodes (norm 2e+03)" in warning
    assert "set training.clip_norm: 1" in warning
    assert symptoms([record(1, norms=norms(1.0, 999.0))]) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_explodes(bad: float) -> None:
    (warning,) = symptoms([record(1, norms=norms(bad, 1.0))])
    assert "stack.layers.0.weight_ih_l0 explodes (norm inf)" in warning


def test_vanishing_gradients_are_warned_of() -> None:
    (warning,) = symptoms([record(1, norms=norms(1e-9, 1.0))])
    assert "stack.layers.0.weight_ih_l0 vanishes (norm 1e-09)" in warning
    assert "model.residual" in warning
    assert symptoms([record(1, norms=norms(1e-5, 1.0))]) == []
    assert symptoms([record(1, norms=norms(0.0, 0.0))]) == []  # all learned, not vanished


def test_warnings_are_of_the_last_epoch() -> None:
    assert symptoms([record(1, norms=norms(1e-9, 1.0)), record(2, norms=norms(1.0, 1.0))]) == []


def test_names_of_the_norms_are_those_of_the_model() -> None:
    """The warnings look for the stack's weights; a renamed module must not silence them."""
    names = [name for name, _ in make_learner(TrainingConfig()).model.named_parameters()]
    assert sum(name.startswith("stack") and "weight" in name for name in names) == 4
