"""The step as a CUDA graph: its parts on the CPU, and on a GPU against the eager step."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from forecast.config.losses import Huber
from forecast.config.optimizers import Adam, AdamW, StochasticGradientDescent
from forecast.config.schedules import ExponentialAverage
from forecast.config.training import TrainingConfig
from forecast.training import loop
from forecast.training.cuda import _places, _restore, captured, filled_up, masked_from
from forecast.training.learner import Learner
from forecast.training.loop import fit
from forecast.training.step import set_gradient, take_step
from tests.training.helpers import seeded_learner
from tests.training.test_step import HORIZON, LOOKBACK, make_learner, make_windows


@pytest.mark.parametrize("length", [1, 5, 8])
def test_a_short_batch_is_filled_up_and_what_fills_it_is_known(length):
    whole, is_filled = filled_up(torch.arange(3, 3 + length), 8)
    assert whole.tolist() == [*range(3, 3 + length), *[0] * (8 - length)]
    assert is_filled.tolist() == [False] * length + [True] * (8 - length)


@pytest.mark.parametrize("length", [1, 5, 8])
def test_a_batch_that_is_filled_up_has_the_loss_and_gradient_of_its_windows(length):
    windows = make_windows(masked=True, weighted=True)
    found = []
    for is_short in (True, False):
        learner, index = make_learner(loss=Huber()), torch.arange(3, 3 + length)
        whole, is_filled = (
            (index, torch.zeros(length, dtype=bool)) if is_short else filled_up(index, 8)
        )
        gather = partial(masked_from, windows.gather(whole), is_filled)
        loss = set_gradient(learner, [gather])
        found.append([loss, *(weight.grad for weight in learner.model.parameters())])
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("steps", [0, 2])
def test_what_the_warm_up_changes_is_restored_in_place(steps):
    """With a state of the optimiser before it, as in a resumed training, and without one."""
    learner, windows = make_learner(optimizer=AdamW()), make_windows()
    for step in range(steps):
        take_step(learner, windows, torch.arange(8), 0.01, (step,))
    expected = copy.deepcopy([learner.model.state_dict(), learner.optimizer.state_dict()["state"]])
    places = _places(learner.model, learner.optimizer)
    before = {name: value.clone() for name, value in places.items()}
    for step in range(3):
        take_step(learner, windows, torch.arange(9, 20), 0.01, (step,))
    places = [weight.data_ptr() for weight in learner.model.parameters()]
    _restore(learner.model, learner.optimizer, before)
    assert [weight.data_ptr() for weight in learner.model.parameters()] == places
    torch.testing.assert_close(learner.model.state_dict(), expected[0], rtol=0, atol=0)
    for number, state in learner.optimizer.state_dict()["state"].items():
        for name, value in state.items():
            known = expected[1].get(number, {}).get(name, torch.zeros_like(value))
            assert torch.equal(value, known)


def test_there_is_no_graph_on_the_cpu():
    assert captured(make_learner(), make_windows()) is None


def on_gpu(**options) -> Learner:
    config = TrainingConfig(batch_size=8, **options.pop("training", {}))
    network = {"hidden_size": 6, **options}
    return seeded_learner(config, LOOKBACK, HORIZON, 2, device="cuda", **network)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"batch_norm": True}, 37),
        ({"training": {"optimizer": StochasticGradientDescent()}}, 37),
        ({}, 7),
    ],
    ids=str,
)
def test_no_graph_where_there_can_be_none(options, length):
    windows = make_windows(length).to(torch.device("cuda"))
    assert captured(on_gpu(**options), windows) is None


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("head", ["direct", "recursive", "parallel"])
@pytest.mark.parametrize("optimizer", [Adam(), AdamW()])
def test_the_graph_trains_as_the_eager_step_does(optimizer, head, precision, monkeypatch):
    """37 windows in batches of 8: the last batch of an epoch is filled up."""
    training = {
        "optimizer": optimizer,
        "precision": precision,
        "epochs": 3,
        "clip_norm": 0.5,
        "l2": 0.01,
        "averaging": ExponentialAverage(),
    }
    windows = make_windows(masked=True, weighted=True).to(torch.device("cuda"))
    found = []
    for is_graphed in (True, False):
        if not is_graphed:
            monkeypatch.setattr(loop, "captured", lambda *_: None)
        learner = on_gpu(head=head, training=training)
        history = list(fit(learner, windows, windows))
        numbers = [(e.train_loss, e.validation_loss, *e.gradient_norms.values()) for e in history]
        found.append((torch.tensor(numbers), learner.eval_model.cpu().state_dict()))
    tolerance = (
        {"rtol": 2e-2, "atol": 1e-3} if precision == "bf16" else {"rtol": 1e-4, "atol": 1e-5}
    )
    torch.testing.assert_close(found[0], found[1], **tolerance)


@pytest.mark.gpu
def test_the_graph_repeats_itself_with_dropout_and_goes_on_where_it_stopped():
    windows, found = make_windows().to(torch.device("cuda")), []
    for _ in range(2):
        learner = on_gpu(dropout=0.5, training={"epochs": 3})
        list(fit(learner, windows, None))
        found.append(learner.model.cpu().state_dict())
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    learner = on_gpu(dropout=0.5, training={"epochs": 3})
    records = fit(learner, windows, None)
    first = next(records)
    again = on_gpu(dropout=0.5, training={"epochs": 3})
    again.model.load_state_dict(learner.model.state_dict())
    again.optimizer.load_state_dict(learner.optimizer.state_dict())
    list(fit(again, windows, None, [first]))
    torch.testing.assert_close(again.model.cpu().state_dict(), found[0], rtol=0, atol=0)


@pytest.mark.gpu
def test_windows_on_the_cpu_are_fed_to_the_gpu():
    windows, found = make_windows(), []
    for placed in (windows, windows.to(torch.device("cuda"))):
        learner = replace(on_gpu(training={"epochs": 2}))
        found.append([epoch.train_loss for epoch in fit(learner, placed, placed)])
    assert len(found[0]) == 2  # orders differ, for they are drawn on different devices
    assert found[0][-1] < found[0][0]
