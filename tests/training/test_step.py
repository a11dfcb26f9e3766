"""A step: chunks give the gradient of the whole batch, whoever computes them."""

from dataclasses import replace

import pytest
import torch

from forecast.config.losses import Huber, LogCosh, MeanAbsolute, MeanSquared, Quantile
from forecast.config.optimizers import GradientDescent
from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.training import learner as learners
from forecast.training.learner import Learner, chunk_windows
from forecast.training.loop import evaluate, fit
from forecast.training.losses import penalty
from forecast.training.step import chunks_of, set_gradient, take_step
from forecast.training.workers import ALONE, workers_for
from tests.training.helpers import gathered, seeded_learner, windows_over

LOOKBACK, HORIZON, CPU = 8, 4, torch.device("cpu")


def make_windows(count: int = 37, masked: bool = False, weighted: bool = False) -> Windows:
    generator = torch.Generator().manual_seed(count)
    values = torch.randn(count + LOOKBACK + HORIZON - 1, 2, generator=generator)
    targets = torch.where(torch.rand(values.shape, generator=generator) < 0.3, torch.nan, values)
    weights = torch.tensor([[0.5, 2.0], [3.0, 1.0]]) if weighted else None
    series = [0, count // 2]
    return windows_over(values, LOOKBACK, HORIZON, targets if masked else None, series, weights)


def make_learner(dropout: float = 0.0, batch_norm: bool = False, **options) -> Learner:
    config = TrainingConfig(batch_size=32, **options)
    network = {"hidden_size": 6, "dropout": dropout, "batch_norm": batch_norm}
    learner = seeded_learner(config, LOOKBACK, HORIZON, 2, **network)
    learner.model.train()
    return learner


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of four windows at most; the learner's own rule would take the batch as a whole."""
    monkeypatch.setattr(learners, "LEAST_WORK_TO_SHARE", 1)
    monkeypatch.setattr(learners, "MOST_WORK_OF_A_CHUNK", 32 * 8 * 12 // 8)


@pytest.fixture(params=[1, 2, 3])
def workers(request):
    """One thread, or some."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    try:
        with workers_for(CPU) as found:
            yield found
    finally:
        torch.set_num_threads(before)


def gradients(learner: Learner) -> list[torch.Tensor]:
    return [weight.grad.clone() for weight in learner.model.parameters()]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [Huber(), MeanAbsolute(), Quantile(levels=(0.1, 0.5, 0.9))])
def test_chunks_add_up_to_the_gradient_of_the_batch(loss, masked, weighted, small_chunks):
    """Against autograd on the batch as a whole: masks, weights, penalties."""
    learner = make_learner(loss=loss, l1=0.01, l2=0.02, step_weights=(1.0, 2.0, 0.0, 1.0))
    windows, index = make_windows(masked=masked, weighted=weighted), torch.randperm(37)[:30]
    assert len([*chunks_of(learner, windows, index)]) == 8
    found = set_gradient(learner, chunks_of(learner, windows, index))
    batch = windows.gather(index)
    forecast = learner.model(batch.past, batch.future, batch.static)
    total, weight = learner.loss.sums(forecast, batch.target, batch.weight)
    expected = total / weight + penalty(learner.model.named_parameters(), 0.01, 0.02)
    torch.testing.assert_close(found, expected.detach())
    each = torch.autograd.grad(expected, [*learner.model.parameters()])
    torch.testing.assert_close(gradients(learner), list(each), atol=1e-6, rtol=1e-4)


def test_the_bytes_of_a_step_do_not_depend_on_who_computes(small_chunks, workers):
    windows = make_windows()
    found = []
    for who in (ALONE, workers):
        learner = make_learner(dropout=0.4)
        loss, norms = take_step(learner, windows, torch.arange(32), 0.01, (0, 1, 2), who)
        found.append([loss, *norms, *learner.model.state_dict().values()])
    assert all(torch.equal(first, second) for first, second in zip(*found, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.3, "clip_norm": 0.5},
        {"dropout": 0.3, "clip_norm": 0.5, "optimizer": GradientDescent()},
        {"batch_norm": True, "optimizer": GradientDescent()},  # its statistics know an order
    ],
    ids=str,
)
def test_the_bytes_of_a_training_do_not_depend_on_the_threads(options, small_chunks):
    found, before = [], torch.get_num_threads()
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        try:
            learner = make_learner(epochs=2, **options)
            history = list(fit(learner, make_windows(72, masked=True), make_windows(20)))
        finally:
            torch.set_num_threads(before)
        losses = [(epoch.train_loss, epoch.validation_loss) for epoch in history]
        found.append((losses, [w.tolist() for w in learner.model.state_dict().values()]))
    assert found[0] == found[1] == found[2]


def test_an_evaluation_does_not_depend_on_who_computes(small_chunks, workers):
    learner, windows = make_learner(), make_windows(masked=True)
    assert evaluate(learner, windows, workers) == evaluate(learner, windows)


def test_dropout_differs_from_chunk_to_chunk_and_step_to_step(small_chunks):
    learner = make_learner(dropout=0.5)
    chunk = make_windows().gather(torch.tensor([0]))
    losses = [
        set_gradient(learner, chunks, seeds).item()
        for chunks, seeds in (
            ([lambda: chunk], (1,)),
            ([lambda: chunk], (1,)),
            ([lambda: chunk], (2,)),
            ([lambda: chunk] * 2, (1,)),
        )
    ]
    assert losses[0] == losses[1] != losses[2]
    assert losses[3] != losses[0], "the second chunk drops other units than the first"


def test_a_batch_whose_targets_are_all_masked_has_no_gradient():
    learner, windows = make_learner(), make_windows()
    windows = replace(windows, targets=torch.full_like(windows.targets, torch.nan))
    loss = set_gradient(learner, chunks_of(learner, windows, torch.arange(8)))
    assert loss.item() == 0
    assert all((gradient == 0).all() for gradient in gradients(learner))


def test_gradient_descent_gathers_no_more_than_a_chunk(small_chunks, monkeypatch):
    learner, windows = make_learner(optimizer=GradientDescent()), make_windows()
    seen = gathered(monkeypatch)
    take_step(learner, windows, torch.arange(37), 0.01, (0,))
    sizes = [len(index) for index in seen]
    assert max(sizes) == chunk_windows(learner.model, 32) == 4
    assert sum(sizes) == 37


def test_the_time_of_a_step_is_counted_by_part():
    learner = make_learner()
    take_step(learner, make_windows(), torch.arange(8), 0.01, (0,))
    assert set(learner.profile.seconds) == {"kernel", "optimizer"}


@pytest.mark.parametrize("loss", [MeanSquared, MeanAbsolute, Huber, LogCosh, Quantile])
def test_every_loss_has_a_gradient_of_bf16_that_is_near_that_of_float32(loss):
    windows, found = make_windows(), {}
    for precision in ("float32", "bf16"):
        learner = make_learner(loss=loss(), precision=precision)
        set_gradient(learner, [lambda: windows.gather(torch.arange(8))])
        gradients = [weight.grad for weight in learner.weights]
        assert {gradient.dtype for gradient in gradients} == {torch.float32}
        found[precision] = torch.cat([gradient.flatten() for gradient in gradients])
    difference = (found["bf16"] - found["float32"]).norm() / found["float32"].norm()
    assert 0 < difference < 0.1
