"""What a training takes: sums by hand, and pieces of work on a clock that only they move."""

from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch

from forecast import calibrate, estimate
from forecast.config.changes import with_tuples
from forecast.config.training import TrainingConfig
from forecast.config.tree import config_from
from forecast.estimate import Cost, extrapolated, measured, range_test_steps, thinned
from forecast.prepare import new_learner, prepare
from forecast.training.workers import ALONE
from tests.helpers import small_config, wave_table

DATA = Path(__file__).parents[1] / "data"
TABLE = wave_table(72, "2018-01-01", "MS", period=12, level=50)
COST = Cost(step=0.05, validation=0.0, evaluation=3.0)


def test_a_second_training_takes_its_windows_and_no_more_minutes_than_the_first():
    cost = Cost(step=0.05, validation=0.5, evaluation=3.0, again=1.5)
    training = TrainingConfig(epochs=10, ensemble=2)
    assert cost.second_training(training, 49) == pytest.approx(2 * 10 * 1.5 * 2 * 0.05)
    assert cost.whole(training, 49) == pytest.approx(2 * 10 * 0.6 + 3 + 3)
    limited = training.model_copy(update={"max_minutes": 0.01})
    assert cost.whole(limited, 49) == pytest.approx(0.6 + 3 + 0.6)


@pytest.fixture
def prepared():
    data = {"path": str(DATA / "air_passengers.csv"), "time": "month", "target": "passengers"}
    window = {"lookback": 24, "horizon": 12}
    sections = {"data": data, "window": window, "split": {"validation": 24, "test": 36}}
    return prepare(config_from({**sections, "model": {"hidden_size": 4}, "device": "cpu"}))


def test_all_rows_are_made_ready_for_a_second_training_alone(prepared, monkeypatch):
    asked = []
    monkeypatch.setattr(estimate, "on_all_rows", lambda each: asked.append(each) or each)
    assert estimate.measured(prepared, torch.device("cpu")).again == 0
    assert not asked
    twice = replace(prepared, config=prepared.config.updated("training", refit=True))
    assert estimate.measured(twice, torch.device("cpu")).again == 1, "as many windows"
    assert asked == [twice]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is told to move."""
    now = {"seconds": 0.0}
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: now["seconds"])
    return now


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({}, 100 * 2),
        ({"epochs": 7, "ensemble": 3}, 7 * 2 * 3),
        ({"batch_size": 10}, 100 * 5),
        ({"batch_size": 1000}, 100),
        ({"optimizer": "gd"}, 100 * 2),
        ({"max_steps": 30}, 30),
        ({"epoch_windows": 100}, 100 * 4),
        ({"epoch_windows": 10, "sampling": "uniform"}, 100),
        ({"learning_rate": "auto", "lr_range": {"steps": 50}}, 100 * 2 + 3 * 50),
    ],
)
def test_the_time_of_49_windows_is_that_of_a_batch_times_their_number(options, batches):
    training = TrainingConfig.model_validate(options)
    assert COST.training(training, 49) == pytest.approx(0.05 * batches)
    assert COST.whole(training, 49) == pytest.approx(0.05 * batches + 3)


def test_each_epoch_is_validated_and_the_limit_holds():
    cost = Cost(step=0.05, validation=0.5, evaluation=3.0)
    training = TrainingConfig(epochs=10, ensemble=2)
    assert cost.epoch(training, 49) == pytest.approx(2 * 0.05 + 0.5)
    assert cost.training(training, 49) == pytest.approx(2 * 10 * 0.6)
    limited = TrainingConfig(epochs=10, ensemble=2, max_minutes=0.1, learning_rate="auto")
    assert cost.training(limited, 49) == pytest.approx(6 + 0.05 * 480)
    assert range_test_steps(limited) == 480
    assert range_test_steps(training) == 0


def test_members_that_differ_cost_what_each_of_them_costs():
    """One of twice the epochs and half the batch takes four times the steps of the other."""
    own = {"training.epochs": 4, "training.batch_size": 8}
    prepared = prepare(small_config(training={"ensemble": [own, {}], "batch_size": 16}), TABLE)
    training, num_windows = prepared.config.training, len(prepared.windows["train"])
    with (
        mock.patch.object(estimate, "seconds_per_batch", return_value=1.0),
        mock.patch.object(estimate, "_of_validation", return_value=0.0),
        mock.patch.object(estimate, "_of_evaluation", lambda models, _: float(len(models))),
    ):
        cost = estimate.measured(prepared, torch.device("cpu"))
    steps = 4 * -(-num_windows // 8) + 2 * -(-num_windows // 16)
    assert cost.training(training, num_windows) == pytest.approx(steps)
    assert cost.evaluation == 2.0


def test_each_network_has_a_range_test_of_its_own():
    listed = [{}, {}, {"training.loss": "mae"}, {"training.learning_rate": 0.1}]
    asked = {"learning_rate": "auto", "lr_range": {"steps": 50, "seeds": 1}, "ensemble": listed}
    assert range_test_steps(TrainingConfig.model_validate(with_tuples(asked))) == 2 * 50


def test_what_is_reached_whole_takes_what_it_took(clock):
    counts = []

    def work(count):
        clock["seconds"] += 60 if not counts else 0.01 * count  # the first time is not like others
        counts.append(count)

    assert extrapolated(work, 30, 4) == pytest.approx(0.3)
    assert counts == [4, 4, 16, 30]
    assert extrapolated(work, 0, 4) == 0.0


@pytest.mark.parametrize(("seconds", "times"), [(0.4, 1), (0.6, 2)])
def test_a_whole_that_takes_a_moment_is_done_once(clock, monkeypatch, seconds, times):
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 1.0)
    counts = []

    def work(count):
        counts.append(count)
        clock["seconds"] += seconds

    assert extrapolated(work, 3, 4) == pytest.approx(seconds)
    assert counts == [3] * times


def test_the_last_two_pieces_tell_of_a_long_work(clock, monkeypatch):
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 1.0)
    counts = []

    def work(count):
        counts.append(count)
        clock["seconds"] += 0.2 + 0.01 * count

    assert extrapolated(work, 10_000, 4) == pytest.approx(0.2 + 100)
    assert counts == [4, 4, 16, 64]


def test_what_takes_time_whatever_the_size_is_told_from_what_grows(clock):
    def work(count):
        clock["seconds"] += 100.0 + 2.0 * count

    assert extrapolated(work, 5000, 5) == pytest.approx(100 + 10_000)


class Steps:
    """A clock for which the warm-up steps take a minute each, every fifth later one 5 seconds."""

    def __init__(self):
        self.readings, self.now = 0, 0.0

    def perf_counter(self):
        self.readings += 1
        step = (self.readings - 1) // 2
        if self.readings % 2 == 0:
            slow = 5.0 if step % 5 == 0 else 0.05
            self.now += 60.0 if step < estimate.WARM_UP_STEPS else slow
        return self.now


@pytest.mark.timed
def test_the_median_step_after_the_first_ones_counts(prepared, monkeypatch):
    monkeypatch.setattr(estimate, "time", clock := Steps())
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 1e9)
    learner = new_learner(prepared, torch.device("cpu"), 1e-6, 0)
    found = estimate.seconds_per_batch(learner, prepared.windows["train"], ALONE)
    assert found == pytest.approx(0.05)
    assert clock.readings == 2 * (estimate.WARM_UP_STEPS + estimate.TIMED_STEPS)


@pytest.mark.timed
def test_timing_a_large_model_ends_early(prepared, monkeypatch):
    monkeypatch.setattr(estimate, "time", clock := Steps())
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 0.07)
    learner = new_learner(prepared, torch.device("cpu"), 1e-6, 0)
    estimate.seconds_per_batch(learner, prepared.windows["train"], ALONE)
    assert clock.readings == 2 * (estimate.WARM_UP_STEPS + 2)


def test_the_steps_of_a_graph_are_timed_where_training_takes_those(prepared, monkeypatch):
    """On a GPU a step without one takes ten times as long."""
    graph = mock.Mock()
    monkeypatch.setattr(estimate, "captured", lambda *_: graph)
    monkeypatch.setattr(estimate, "take_step", lambda *_, **__: pytest.fail("a step without it"))
    learner = new_learner(prepared, torch.device("cpu"), 1e-6, 0)
    assert estimate.seconds_per_batch(learner, prepared.windows["train"], ALONE) < 1
    assert graph.take_step.call_count == estimate.WARM_UP_STEPS + estimate.TIMED_STEPS


@pytest.mark.timed
@pytest.mark.parametrize("partners", [(), ("pretrained", "theta", "ets")])
def test_every_part_of_a_real_training_takes_some_time(partners, prepared, monkeypatch):
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 0.0)
    config = prepared.config.model_copy(update={"partners": partners})
    cost = measured(replace(prepared, config=config), torch.device("cpu"))
    assert 0 < cost.step < 5
    assert 0 < cost.validation < 5
    assert 0 < cost.evaluation < 60


def test_no_sums_are_judged_for_an_estimate(prepared, monkeypatch):
    """They take a second or two, however few the windows, and each piece would pay for them."""
    monkeypatch.setattr(calibrate, "sum_coverage", lambda *_: pytest.fail("sums"))
    assert measured(prepared, torch.device("cpu")).evaluation > 0
    with pytest.raises(pytest.fail.Exception, match="sums"):
        calibrate.calibrated((new_learner(prepared, torch.device("cpu"), 0.1, 0).model,), prepared)


def test_thinned_windows_are_runs_evenly_placed(prepared, monkeypatch):
    monkeypatch.setattr(estimate, "RUN", 3)
    windows = prepared.windows["train"]  # 49
    kept = [0, 1, 2, 18, 19, 20, 36, 37]  # 49 * 3 / 8 apart
    assert thinned(windows, 8).starts.tolist() == windows.starts[kept].tolist()
    assert thinned(windows, 49).starts.tolist() == windows.starts.tolist()
    assert len(thinned(windows, 0)) == 0
