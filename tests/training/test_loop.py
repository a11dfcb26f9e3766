"""The training loop: seeds, resuming, full batches, evaluation, clipping, stopping, warnings."""

import copy
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.config.losses import Huber, MeanAbsolute, Quantile
from forecast.config.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    RMSprop,
    StochasticGradientDescent,
)
from forecast.config.schedules import (
    Constant,
    Cosine,
    Exponential,
    ExponentialAverage,
    OneCycle,
    Plateau,
    Position,
    StepDecay,
    StochasticWeightAverage,
)
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.training import loop
from forecast.training import step as steps
from forecast.training.learner import Learner
from forecast.training.loop import Epoch, EpochProgress, batches_per_epoch, evaluate, fit
from forecast.training.losses import quantiles_of
from forecast.training.step import average_weights, scheduled_rate, set_gradient, take_step
from tests.training.helpers import gathered, seeded_learner, windows_over

LOOKBACK, HORIZON = 5, 3
SGD = StochasticGradientDescent(momentum=0.0)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def make_windows(
    count: int = 19, seed: int = 0, masked: float = 0.0, weights: tuple[float, ...] = ()
) -> Windows:
    """Windows over a noisy wave; some targets are masked, more of them at the end.

    With weights the wave is of so many series of about as many windows each.
    """
    rng = np.random.default_rng(seed)
    rows = count + LOOKBACK + HORIZON - 1
    values = np.sin(np.arange(rows) / 3) + 0.3 * rng.normal(size=rows)
    targets = np.where(rng.random(rows) < masked * np.arange(rows) / rows, np.nan, values)
    inputs, targets = (torch.tensor(v[:, None], dtype=torch.float32) for v in (values, targets))
    series = [-(-k * count // len(weights)) for k in range(len(weights))] or [0]
    weighed = torch.tensor(weights)[:, None] if weights else None
    return windows_over(inputs, LOOKBACK, HORIZON, targets, series, weighed)


def make_learner(config: TrainingConfig, rate: float = 0.01, seed: int = 0, **options) -> Learner:
    return seeded_learner(config, LOOKBACK, HORIZON, rate=rate, seed=seed, **options)


def weights_of(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in learner.model.state_dict().items()}


def same_bytes(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def without_time(history: list[Epoch]) -> list[tuple]:
    return [
        (e.number, e.step, e.train_loss, e.validation_loss, e.learning_rate, e.gradient_norms)
        for e in history
    ]


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


RESUMED = {
    "adam": TrainingConfig(optimizer=Adam(), schedule=Cosine(), batch_size=8, epochs=5),
    "sgd": TrainingConfig(
        optimizer=StochasticGradientDescent(), schedule=OneCycle(), warmup=3, batch_size=8, epochs=5
    ),
    "rmsprop": TrainingConfig(
        optimizer=RMSprop(momentum=0.5), schedule=StepDecay(every=2), batch_size=8, epochs=5
    ),
    "adamw": TrainingConfig(
        optimizer=AdamW(), schedule=Plateau(patience=1, factor=0.3), batch_size=8, epochs=5
    ),
    "gd": TrainingConfig(
        optimizer=GradientDescent(), schedule=Exponential(), batch_size=8, epochs=5
    ),
    "max_steps": TrainingConfig(optimizer=Adam(), batch_size=8, epochs=5, max_steps=13),
    "ema": TrainingConfig(averaging=ExponentialAverage(), batch_size=8, epochs=5),
    "swa": TrainingConfig(averaging=StochasticWeightAverage(start=0.3), batch_size=8, epochs=5),
    "sampling": TrainingConfig(sampling="uniform", epoch_windows=20, batch_size=8, epochs=5),
    "bf16": TrainingConfig(precision="bf16", batch_size=8, epochs=5),
}


STOPS = {(Epoch, 1), (Epoch, 2), (Epoch, 4), *((EpochProgress, number) for number in (1, 4, 8))}
"""The kind of a record, and its number among those of its kind."""


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", RESUMED)
def test_resumed_between_or_within_epochs_equals_uninterrupted(name: str, device: str) -> None:
    """Pauses after every step; another learner goes on from the state of an epoch or a pause."""
    config, target = RESUMED[name], torch.device(device)
    train = make_windows(weights=(1.0, 0.5, 2.0)).to(target)
    validation = make_windows(6, seed=1).to(target)
    options = {"rate": 0.05, "dropout": 0.3, "device": device, "dilations": (1, 2)}
    whole = make_learner(config, **options)
    found, kept = [], []
    for each in fit(whole, train, validation, pause_every=0.0):
        found.append(each)
        if (type(each), sum(type(one) is type(each) for one in found)) in STOPS:
            state = copy.deepcopy([part.state_dict() for part in state_of(whole)])
            kept.append((len(found), state))
    history = [each for each in found if isinstance(each, Epoch)]
    assert len(kept) == (3 if name == "gd" else 6)  # whose steps are epochs
    for done, state in kept:
        before = [each for each in found[:done] if isinstance(each, Epoch)]
        last = found[done - 1]
        again = make_learner(config, **options)
        for parameter in again.model.parameters():
            torch.nn.init.constant_(parameter, 9.0)
        for part, saved in zip(state_of(again), state, strict=True):
            part.load_state_dict(saved)
        within = last if isinstance(last, EpochProgress) else None
        rest = list(fit(again, train, validation, before, within))
        assert len(rest) == len(history) - len(before) > 0
        assert without_time(rest) == without_time(history[len(before) :])
        assert same_bytes(weights_of(again), weights_of(whole))
        assert same_bytes(again.eval_model.state_dict(), whole.eval_model.state_dict())


def test_pauses_lie_between_steps_and_never_at_the_end_of_an_epoch() -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=2))
    found = list(fit(learner, make_windows(19), None, pause_every=0.0))
    assert [(type(each).__name__, each.step) for each in found] == [
        ("EpochProgress", 1),
        ("EpochProgress", 2),
        ("Epoch", 3),
        ("EpochProgress", 4),
        ("EpochProgress", 5),
        ("Epoch", 6),
    ]
    assert [len(each.losses) for each in found if isinstance(each, EpochProgress)] == [1, 2, 1, 2]


def test_there_are_no_pauses_before_it_is_time() -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=2))
    found = list(fit(learner, make_windows(19), None, pause_every=60.0))
    assert [type(each) for each in found] == [Epoch, Epoch]


def state_of(learner: Learner) -> list:
    """All that changes in training."""
    parts = [learner.model, learner.optimizer, learner.average]
    return [part for part in parts if part is not None]


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
    clock = {"seconds": 1000.0}
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock["seconds"])
    learner = make_learner(TrainingConfig(batch_size=100, epochs=3))
    before = [Epoch(1, 1, 1.0, None, 0.1, 60.0)]
    found = []
    for epoch in fit(learner, make_windows(), None, before):
        found.append(epoch.seconds)
        clock["seconds"] += 4.0
    assert found == [60.0, 64.0]


@pytest.fixture
def clock(monkeypatch) -> dict[str, float]:
    """A clock for which a step takes a second, a validation what it is told, and nothing else."""
    now = {"seconds": 1000.0, "validation": 0.0}
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now["seconds"])

    def take_step(*arguments, **options):
        now["seconds"] += 1
        return steps.take_step(*arguments, **options)

    def evaluate_slowly(*arguments):
        now["seconds"] += now["validation"]
        return evaluate(*arguments)

    monkeypatch.setattr(loop, "take_step", take_step)
    monkeypatch.setattr(loop, "evaluate", evaluate_slowly)
    return now


def test_the_last_step_within_the_time_ends_its_epoch(clock) -> None:
    """19 windows are 3 steps an epoch; a validation takes 2 seconds, for which time is left."""
    clock["validation"] = 2.0
    config = TrainingConfig(batch_size=8, epochs=50, schedule=Cosine())
    learner = make_learner(config, rate=1.0)
    found = list(fit(learner, make_windows(19), make_windows(6), most_seconds=14.0))
    assert [(e.step, e.seconds) for e in found] == [(3, 5.0), (6, 10.0), (8, 14.0)]
    assert all(e.validation_loss is not None for e in found)
    # Seconds that were over before the last step of each epoch.
    expected = [(1 + math.cos(math.pi * before / 14)) / 2 for before in (2, 7, 11)]
    assert [e.learning_rate for e in found] == pytest.approx(expected)


def test_an_epoch_is_not_begun_that_validation_would_end_too_late(clock) -> None:
    clock["validation"] = 4.0
    learner = make_learner(TrainingConfig(batch_size=8, epochs=50))
    found = list(fit(learner, make_windows(19), make_windows(6), most_seconds=11.0))
    assert [(e.step, e.seconds) for e in found] == [(3, 7.0)]


def test_a_resumed_training_has_the_time_that_was_left(clock) -> None:
    learner = make_learner(TrainingConfig(batch_size=8, epochs=50))
    within = EpochProgress(1, (0.5,), 3.0)
    found = list(fit(learner, make_windows(19), None, [], within, most_seconds=9.0))
    assert [(e.step, e.seconds) for e in found] == [(3, 5.0), (6, 8.0), (7, 9.0)]


def test_without_any_time_one_step_is_taken(clock) -> None:
    learner = make_learner(TrainingConfig(batch_size=8))
    found = list(fit(learner, make_windows(19), make_windows(6), most_seconds=1e-3))
    assert [e.step for e in found] == [1]


@pytest.mark.parametrize("schedule", [Cosine(), OneCycle(), Constant()])
def test_time_that_does_not_bind_changes_no_byte(schedule, clock) -> None:
    config = TrainingConfig(batch_size=8, epochs=5, schedule=schedule)
    free, limited = make_learner(config), make_learner(config)
    expected = list(fit(free, make_windows(19), make_windows(6)))
    found = list(fit(limited, make_windows(19), make_windows(6), most_seconds=1000.0))
    assert without_time(found) == without_time(expected)
    assert same_bytes(weights_of(free), weights_of(limited))


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
@pytest.mark.parametrize("weights", [(), (3.0, 0.2, 1.0)])
def test_gradient_descent_is_one_step_on_all_windows(
    weights: tuple[float, ...], masked: float, batch_size: int
) -> None:
    """Against the gradient of the whole training set at once: masks, weights and penalties."""
    config = TrainingConfig(
        optimizer=GradientDescent(),
        batch_size=batch_size,
        epochs=2,
        l2=0.01,
        step_weights=(1.0, 2.0, 0.5),
    )
    windows = make_windows(19, masked=masked, weights=weights)
    learner = make_learner(config, rate=0.3)
    model = copy.deepcopy(learner.model)
    step_weights = torch.tensor([1.0, 2.0, 0.5])[:, None]
    of_windows = torch.ones(19)
    if weights:
        of_windows = torch.tensor([weights[number] for number in windows.series.tolist()])
    for epoch in fit(learner, windows, None):
        batch = windows.gather(torch.arange(19))
        known = ~batch.target.isnan()
        error = model(batch.past, batch.future, batch.static)[..., 0] - batch.target.nan_to_num()
        weight = (known * step_weights).sum()
        loss = (known * step_weights * of_windows[:, None, None] * error**2).sum() / weight
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
    assert batches_per_epoch(19, TrainingConfig(batch_size=8, epoch_windows=16)) == 2
    assert batches_per_epoch(19, TrainingConfig(batch_size=8, epoch_windows=100)) == 13


@pytest.mark.parametrize("sampling", ["all", "uniform"])
@pytest.mark.parametrize(("wanted", "sizes"), [(5, [5]), (16, [8, 8]), (50, [8] * 6 + [2])])
def test_an_epoch_reads_as_many_windows_as_wanted(
    wanted: int, sizes: list[int], sampling: str, monkeypatch
) -> None:
    """Fewer or more than the 19 there are; the steps of the schedule follow."""
    seen = gathered(monkeypatch)
    config = TrainingConfig(
        batch_size=8, epochs=2, sampling=sampling, epoch_windows=wanted, schedule=Cosine()
    )
    history = list(fit(make_learner(config), make_windows(19, weights=(1.0, 1.0)), None))
    assert [len(index) for index in seen] == sizes * 2
    assert [epoch.step for epoch in history] == [len(sizes), 2 * len(sizes)]
    assert history[-1].learning_rate == pytest.approx(0.0)
    first, second = torch.cat(seen[: len(sizes)]), torch.cat(seen[len(sizes) :])
    assert first.tolist() != second.tolist()
    are_distinct = len(first.unique()) == min(wanted, 19)
    assert are_distinct or sampling == "uniform"
    if wanted > 5:  # five draws may well be distinct
        assert not are_distinct or sampling == "all"


def test_windows_of_a_series_with_a_large_weight_pull_more() -> None:
    """Two series that want opposite forecasts of equal pasts: the heavier one nearly gets its."""
    found = {}
    for weights in ((1.0, 1.0), (99.0, 1.0)):
        windows = make_windows(20, weights=weights)
        signs = torch.where(torch.arange(len(windows.targets)) < 12, 1.0, -1.0)[:, None]
        windows = replace(windows, inputs=torch.zeros_like(windows.inputs), targets=signs)
        windows = windows.subset(torch.tensor([0, 1, 2, 3, 14, 15, 16, 17]))
        learner = make_learner(TrainingConfig(batch_size=8, epochs=80), rate=0.1)
        *_, _ = fit(learner, windows, None)
        batch = windows.gather(torch.arange(8))
        found[weights] = learner.model(batch.past, batch.future, batch.static).mean().item()
    assert found[1.0, 1.0] == pytest.approx(0.0, abs=0.01)
    assert found[99.0, 1.0] == pytest.approx(0.98, abs=0.01)  # (99 - 1) / 100


# --- averages --------------------------------------------------------------------------------


def steps_of(learner: Learner, monkeypatch) -> list[dict[str, torch.Tensor]]:
    """The model's weights after every step from now on."""
    kept: list[dict[str, torch.Tensor]] = []
    take = loop.take_step

    def spy(learner: Learner, *arguments, **options):
        result = take(learner, *arguments, **options)
        kept.append(weights_of(learner))
        return result

    monkeypatch.setattr(loop, "take_step", spy)
    return kept


@pytest.mark.parametrize("optimizer", [Adam(), GradientDescent()], ids=lambda each: each.key())
@pytest.mark.parametrize(
    "averaging", [StochasticWeightAverage(start=0.5), ExponentialAverage(decay=0.7)], ids=str
)
def test_averages_equal_a_slow_loop_over_all_steps(averaging, optimizer, monkeypatch) -> None:
    """Max steps end the last epoch early; the running statistics are the model's own."""
    options = {"averaging": averaging, "optimizer": optimizer, "batch_size": 4, "max_steps": 23}
    learner = make_learner(TrainingConfig(epochs=99, **options), rate=0.05, batch_norm=True)
    expected = {name: value.double() for name, value in weights_of(learner).items()}
    kept = steps_of(learner, monkeypatch)
    list(fit(learner, make_windows(), None))
    assert len(kept) == 23
    for number, weights in enumerate(kept):
        past = min(0.7, (1 + number) / (10 + number))
        if isinstance(averaging, StochasticWeightAverage):
            past = 1 - 1 / (1 + max(0, number - 11))
        expected = {n: past * old + (1 - past) * weights[n] for n, old in expected.items()}
    for name, average in learner.eval_model.state_dict().items():
        is_statistic = "running" in name or "batches" in name
        wanted = kept[-1][name] if is_statistic else expected[name]
        torch.testing.assert_close(average.double(), wanted.double(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("averaging", [ExponentialAverage(), StochasticWeightAverage()])
def test_an_average_is_validated_and_does_not_change_the_training(averaging) -> None:
    train, validation = make_windows(), make_windows(6, seed=1)
    config = TrainingConfig(batch_size=4, epochs=4)
    plain = make_learner(config, rate=0.05, dropout=0.3)
    history = list(fit(plain, train, validation))
    learner = make_learner(replace_averaging(config, averaging), rate=0.05, dropout=0.3)
    assert learner.eval_model is learner.average
    for epoch, other in zip(fit(learner, train, validation), history, strict=True):
        assert epoch.train_loss == other.train_loss
        judged = replace(learner, model=copy.deepcopy(learner.average), average=None)
        assert epoch.validation_loss == evaluate(judged, validation)
    assert epoch.validation_loss != other.validation_loss
    assert same_bytes(weights_of(learner), weights_of(plain))
    assert not same_bytes(learner.eval_model.state_dict(), weights_of(plain))


def replace_averaging(config: TrainingConfig, averaging) -> TrainingConfig:
    return config.model_copy(update={"averaging": averaging})


def test_without_averaging_the_result_is_the_model() -> None:
    learner = make_learner(TrainingConfig())
    assert learner.average is None
    assert learner.eval_model is learner.model


# --- steps that break ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "what", "bad"), [(2, "loss", 2), (5, "loss", 5), (6, "weight", 6), (0, "", None)]
)
def test_the_step_at_which_numbers_cease_is_named(step, what, bad, monkeypatch) -> None:
    """Three steps an epoch; a weight may break in the last one, whose loss was still a number."""
    take, taken = loop.take_step, []

    def broken(learner: Learner, *arguments, **options):
        taken.append(None)
        loss, norms = take(learner, *arguments, **options)
        if len(taken) == step and what == "weight":
            torch.nn.init.constant_(learner.weights[0], math.inf)
        return (loss * math.nan if len(taken) == step and what == "loss" else loss), norms

    monkeypatch.setattr(loop, "take_step", broken)
    learner = make_learner(TrainingConfig(batch_size=8, epochs=2))
    found = [epoch.bad_step for epoch in fit(learner, make_windows(19), None)]
    assert found == ([bad, None] if step == 2 else [None, bad])


# --- precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "options",
    [{}, {"head": "parallel", "dilations": (1, 2)}, {"head": "recursive"}, {"cell": "gru"}],
    ids=str,
)
def test_bf16_trains_close_to_float32_and_forecasts_in_it(options, device: str) -> None:
    train = make_windows(40).to(torch.device(device))
    losses, learners = {}, {}
    for precision in ("float32", "bf16"):
        config = TrainingConfig(precision=precision, batch_size=8, epochs=15)
        learners[precision] = make_learner(config, device=device, hidden_size=16, **options)
        history = list(fit(learners[precision], train, train))
        losses[precision] = history[-1].train_loss
        assert history[-1].train_loss < 0.7 * history[0].train_loss
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["bf16"] != losses["float32"]
    learner = learners["bf16"]
    learner.model.train()
    set_gradient(learner, [lambda: train.gather(torch.arange(8, device=device))])
    state = learner.optimizer.state.values()
    tensors = [*learner.model.state_dict().values(), *(p.grad for p in learner.model.parameters())]
    tensors += [values["exp_avg_sq"] for values in state]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    batch = train.gather(torch.arange(8, device=device))
    forecast = learner.model.eval()(batch.past, batch.future, batch.static)
    assert forecast.dtype == torch.float32
    assert not torch.equal(forecast, forecast.bfloat16().float())


# --- evaluation ------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [MeanAbsolute(), Quantile(levels=(0.2, 0.5, 0.9))])
@pytest.mark.parametrize("masked", [0.0, 0.8])
@pytest.mark.parametrize("weights", [(), (0.5, 2.0)])
def test_evaluation_equals_a_slow_loop_whatever_the_batch(
    weights, masked, option, monkeypatch
) -> None:
    step_weights = (1.0, 3.0, 0.0)
    config = TrainingConfig(loss=option, step_weights=step_weights)
    learner = make_learner(config, dropout=0.5)
    windows = make_windows(23, masked=masked, weights=weights)
    levels, total, weight = quantiles_of(option), 0.0, 0.0
    learner.model.eval()
    for start, series in zip(windows.starts.tolist(), windows.series.tolist(), strict=True):
        each = weights[series] if weights else 1.0
        past = windows.inputs[start : start + LOOKBACK][None]
        forecast = learner.model(past, torch.zeros(1, HORIZON, 0), torch.zeros(1, 0))
        for step in range(HORIZON):
            true = windows.targets[start + LOOKBACK + step, 0].item()
            for number, level in enumerate(levels):
                error = true - forecast[0, step, 0, number].item()
                if not math.isnan(error):
                    pinball = max(level * error, (level - 1) * error)
                    one = abs(error) if option.key() == "mae" else pinball
                    total += each * step_weights[step] * one
                    weight += step_weights[step]
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


# --- gradients and steps ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "steps_per_epoch", "expected"),
    [
        (Constant(), 3, [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1]),
        (Exponential(gamma=0.5), 2, [0.25, 0.5, 0.75 * 0.5, 1.0 * 0.5, 0.25, 0.25]),
    ],
)
def test_warmup_by_hand(schedule, steps_per_epoch, expected) -> None:
    """Two epochs of a linear rise, times the schedule, and then the schedule alone."""
    learner = make_learner(TrainingConfig(schedule=schedule, warmup=2), rate=3.0)
    positions = [Position(step, steps_per_epoch, len(expected)) for step in range(len(expected))]
    found = [scheduled_rate(learner, position) / 3 for position in positions]
    assert found == pytest.approx(expected)


def given_gradients(learner: Learner) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    for parameter in learner.model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return [parameter.grad.clone() for parameter in learner.model.parameters()]


@pytest.mark.parametrize(
    ("clip_value", "clip_norm"), [(None, None), (0.5, None), (None, 2.0), (0.5, 2.0), (9.0, 99.0)]
)
def test_a_step_with_clipped_gradients_by_hand(clip_value, clip_norm, monkeypatch) -> None:
    """First every entry is limited, then the norm of all of them together."""
    config = TrainingConfig(optimizer=SGD, clip_value=clip_value, clip_norm=clip_norm)
    learner = make_learner(config)
    before, gradients = weights_of(learner), given_gradients(learner)
    monkeypatch.setattr(steps, "set_gradient", lambda *_: torch.zeros(()))
    take_step(learner, make_windows(), torch.arange(8), 0.1, (0,))
    flat = np.concatenate([gradient.flatten().double().numpy() for gradient in gradients])
    if clip_value is not None:
        flat = np.minimum(np.maximum(flat, -clip_value), clip_value)
    if clip_norm is not None:
        flat = flat * min(1.0, clip_norm / np.sqrt((flat**2).sum()))
    moved = [(before[n] - w).flatten() for n, w in weights_of(learner).items()]
    np.testing.assert_allclose(torch.cat(moved).numpy(), 0.1 * flat, atol=1e-6)


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
    set_gradient(learner, [lambda: windows.gather(order[16:])])
    expected = [parameter.grad.norm().item() for parameter in learner.model.parameters()]
    assert list(epoch.gradient_norms.values()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
@pytest.mark.parametrize("option", [Huber(), Quantile()])
@pytest.mark.parametrize("averaging", [ExponentialAverage(), StochasticWeightAverage()])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_step_does_not_wait_for_the_device(precision: str, averaging, option) -> None:
    config = TrainingConfig(
        loss=option, clip_norm=1.0, l2=0.1, averaging=averaging, precision=precision
    )
    learner = make_learner(config, device="cuda", dilations=(1, 2))
    windows = make_windows(weights=(1.0, 2.0)).to(learner.device)
    index = torch.arange(8, device=learner.device)
    for mode in ("default", "error"):  # the first step sets the device up
        torch.cuda.set_sync_debug_mode(mode)
        try:
            rate = scheduled_rate(learner, Position(7, 3, 20))
            take_step(learner, windows, index, rate, (0, 1, 2))
            average_weights(learner, Position(7, 3, 20))
        finally:
            torch.cuda.set_sync_debug_mode("default")
