"""When a training stops, which epoch is kept and what is warned of, on histories made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.optimizers import StochasticGradientDescent
from forecast.config.training import EarlyStoppingConfig, TrainingConfig
from forecast.training.loop import Epoch, fit
from forecast.training.stopping import (
    best_epoch,
    kept_epoch,
    seconds_of,
    seconds_of_member,
    smoothed,
    stop_reason,
    symptoms,
)
from tests.training.test_loop import make_learner, make_windows

LOSSES = st.lists(st.floats(0, 10), min_size=1, max_size=30)
NAN, INF = math.nan, math.inf


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


def trained(*losses: float) -> list[Epoch]:
    """A history with these training losses, and no validation."""
    return [record(n, loss) for n, loss in enumerate(losses, start=1)]


def stopping(**options) -> EarlyStoppingConfig:
    return EarlyStoppingConfig(**options)


def config(early: EarlyStoppingConfig | None = None, **options) -> TrainingConfig:
    return TrainingConfig(early_stopping=early, **options)


@pytest.mark.parametrize(
    ("history", "options", "best"),
    [
        (records(3.0, 1.0, 2.0, 1.0, 0.9, 5.0), {}, 5),
        (records(3.0, 1.0, 2.0, 1.0), {}, 2),  # the first of equals
        (records(3.0, 1.0, 2.0, 1.0, 0.9, 5.0), {"min_delta": 0.5}, 2),  # too small a fall
        (records(1.0, 0.5), {"min_delta": 0.5}, 1),
        (trained(2.0, 1.0, 1.5), {}, 2),  # without validation
        (records(NAN, 2.0, NAN, 3.0), {}, 2),
        (records(INF, 2.0, NAN), {}, 2),
        (records(4.0, 1.0, 3.0, 1.5, 1.5), {}, 2),
        # Smoothed: (0.25 + 0.125 + 0.75 + 0.75 + 1.5) / 1.9375 is the lowest mean.
        (records(4.0, 1.0, 3.0, 1.5, 1.5), {"smoothing": 0.5}, 5),
        (records(4.0, 1.0, 3.0, 1.5), {"smoothing": 0.5}, 2),
    ],
)
def test_best_epoch_by_hand(history, options, best) -> None:
    assert best_epoch(history, stopping(**options)).number == best


@given(LOSSES)
def test_best_epoch_is_the_first_lowest(losses: list[float]) -> None:
    assert best_epoch(records(*losses), None).number == 1 + int(np.argmin(losses))


@given(LOSSES, st.floats(0, 0.99))
def test_smoothed_losses_are_weighted_means_by_definition(losses: list[float], past: float) -> None:
    found = smoothed(losses, past)
    for end in range(1, len(losses) + 1):
        weights = [past ** (end - 1 - place) for place in range(end)]
        assert found[end - 1] == pytest.approx(np.average(losses[:end], weights=weights))
    assert smoothed(losses, 0.0) == losses


def test_a_later_epoch_never_changes_which_was_best_before() -> None:
    """The best weights are kept as training goes on: a mean must not look ahead."""
    losses = np.random.default_rng(5).uniform(0, 1, 40) / np.arange(1, 41)
    best = 0
    for end in range(1, 41):
        found = best_epoch(records(*losses[:end]), stopping(smoothing=0.8)).number
        assert found in (best, end)
        best = found


@pytest.mark.parametrize(
    ("history", "early", "kept"),
    [
        (records(3.0, 1.0, 2.0), stopping(), 2),
        (records(3.0, 1.0, 2.0), None, 3),
        (trained(3.0, 1.0, 2.0), stopping(), 3),  # nothing was validated
        (records(3.0, 2.0, NAN), None, 2),
        (records(NAN, INF), stopping(), None),
    ],
)
def test_kept_epoch_by_hand(history, early, kept) -> None:
    found = kept_epoch(history, config(early), None)
    assert (found and found.number) == kept


@pytest.mark.parametrize(
    ("history", "chosen", "reason"),
    [
        (records(3.0, 1.0, 2.0, 1.5), config(stopping(patience=3)), None),
        (records(3.0, 1.0, 2.0, 1.5, 1.0), config(stopping(patience=3)), "since epoch 2"),
        (records(1.0, 0.95, 0.91), config(stopping(patience=2, min_delta=0.1)), "since epoch 1"),
        (records(1.0, 0.95, 0.85), config(stopping(patience=2, min_delta=0.1)), None),
        (records(1.0, 0.95, 0.91), config(stopping(patience=2)), None),
        (records(4.0, 1.0, 3.0, 1.5, 1.5), config(stopping(patience=3)), "since epoch 2"),
        (records(4.0, 1.0, 3.0, 1.5, 1.5), config(stopping(patience=3, smoothing=0.5)), None),
        (
            records(1.0, 0.5, 0.9, 0.9),
            config(stopping(patience=2, smoothing=0.5)),
            "no lower validation loss since epoch 2",
        ),
        (trained(*map(float, range(8))), config(stopping(patience=2)), None),  # no validation
        (records(1.0, 2.0, 3.0, 4.0), config(), None),
        (trained(1.0), config(tolerance=0.01), None),
        (trained(1.0, 0.5), config(tolerance=0.01), None),
        (
            trained(1.0, 0.5, 0.495),
            config(tolerance=0.01),
            "converged: the training loss changed by 0.005",
        ),
        (trained(1.0, 0.5, 0.495), config(tolerance=0.004), None),
        (trained(0.495, 0.5), config(tolerance=0.01), "changed by 0.005"),
        (trained(0.5, 0.5), config(), None),  # a tolerance of 0: never
        ([record(1, seconds=1e9)], config(), None),
    ],
)
def test_stop_reasons_by_hand(history, chosen, reason) -> None:
    found = stop_reason(history, chosen, math.inf)
    assert (found is None) if reason is None else found.endswith(reason)


@pytest.mark.parametrize(
    ("ensemble", "reason"), [(1, "1.5 minutes are over"), (3, "its share of 1.5 minutes is over")]
)
def test_time_stops_a_member(ensemble: int, reason: str) -> None:
    chosen = config(max_minutes=1.5, ensemble=ensemble)
    assert stop_reason([record(1, seconds=59.9)], chosen, 60.0) is None
    assert stop_reason([record(1, seconds=60.0)], chosen, 60.0) == reason


def test_members_share_the_time_that_is_left() -> None:
    chosen = config(max_minutes=2, ensemble=3)
    first, second = [record(1, seconds=15.0), record(2, seconds=30.0)], [record(1, seconds=70.0)]
    assert seconds_of_member([], chosen) == 40
    assert seconds_of_member([first], chosen) == 45  # 30 of 120 seconds are over
    assert seconds_of_member([first, second], chosen) == 20
    assert seconds_of([first, second, []]) == 100
    assert 0 < seconds_of_member([[record(1, seconds=500.0)]], chosen) < 0.01
    assert seconds_of_member([first], config()) == INF


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_loss_that_is_no_number_stops_the_training(bad: float) -> None:
    remedy = "lower training.learning_rate (forecast lr-find suggests one), or set"
    reason = stop_reason([record(1), record(2, 1.0, bad)], TrainingConfig(), math.inf)
    assert reason.startswith(f"the validation loss is {bad} in epoch 2; {remedy}")
    broken = replace(record(2, bad, 1.0), bad_step=7)
    reason = stop_reason([record(1), broken], TrainingConfig(), math.inf)
    assert "in epoch 2, step 7; " + remedy in reason


def test_a_training_that_diverges_ends_in_such_a_stop() -> None:
    chosen = TrainingConfig(
        optimizer=StochasticGradientDescent(momentum=0.0), batch_size=8, epochs=60
    )
    history = []
    for epoch in fit(make_learner(chosen, rate=1e8), make_windows(), make_windows(6, seed=1)):
        history.append(epoch)
        if stop_reason(history, chosen, math.inf):
            break
    assert "lower training.learning_rate" in stop_reason(history, chosen, math.inf)
    assert history[-1].number < 60


def norms(first: float, second: float) -> dict[str, float]:
    return {
        "stack.layers.0.weight_ih_l0": first,
        "stack.layers.0.weight_hh_l1": second,
        "stack.layers.0.bias_ih_l0": 1e9,
        "head.output.weight": 1e-30,
    }


RISES = "the training loss has risen for 3 epochs: learning rate too high?"
EXPLODES = "stack.layers.0.weight_hh_l1 explodes (norm 2e+03): set training.clip_norm: 1"
VANISHES = "stack.layers.0.weight_ih_l0 vanishes (norm 1e-09)"


@pytest.mark.parametrize(
    ("history", "warning"),
    [
        (trained(5.0, 1.0, 1.1, 1.2, 1.6), RISES),
        (trained(1.0, 1.01, 1.02, 1.03), None),
        (trained(1.0, 1.2, 1.3, 1.4), None),
        (trained(1.0, 2.0, 1.9, 3.0), None),
        (trained(1.0, 2.0, 3.0), None),
        ([record(1, norms=norms(1.0, 2000.0))], EXPLODES),
        ([record(1, norms=norms(1.0, 999.0))], None),
        ([record(1, norms=norms(NAN, 1.0))], "stack.layers.0.weight_ih_l0 explodes (norm inf)"),
        ([record(1, norms=norms(INF, 1.0))], "stack.layers.0.weight_ih_l0 explodes (norm inf)"),
        ([record(1, norms=norms(1e-9, 1.0))], VANISHES),
        ([record(1, norms=norms(1e-9, 1.0))], "model.residual"),
        ([record(1, norms=norms(1e-5, 1.0))], None),
        ([record(1, norms=norms(0.0, 0.0))], None),  # all learned, not vanished
        ([record(1, norms=norms(1e-9, 1.0)), record(2, norms=norms(1.0, 1.0))], None),
    ],
)
def test_symptoms_by_hand(history, warning) -> None:
    found = symptoms(history)
    assert len(found) == (warning is not None)
    assert warning is None or warning in found[0]


def test_names_of_the_norms_are_those_of_the_model() -> None:
    """The warnings look for the stack's weights; a renamed module must not silence them."""
    names = [name for name, _ in make_learner(TrainingConfig()).model.named_parameters()]
    assert sum(name.startswith("stack") and "weight" in name for name in names) == 4
