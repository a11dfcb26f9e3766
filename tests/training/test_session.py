"""A training between its epochs: members, stops, kept weights, and resuming to the same bytes."""

import itertools
import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch

from forecast.config.tree import config_from
from forecast.errors import ConfigError, DataError
from forecast.prepare import new_session, prepare
from forecast.runs.folder import RunFolder
from forecast.training import loop
from forecast.training import session as session_module
from forecast.training.loop import Epoch
from forecast.training.progress import member_name
from tests.training.helpers import skip_without

CPU = torch.device("cpu")
MONTHS = pd.date_range("2020-01-01", periods=48, freq="MS")
WAVE = 10 + np.sin(np.arange(48) / 2) + np.random.default_rng(0).normal(0, 0.1, 48)


def frame(**columns):
    return pd.DataFrame({"ds": MONTHS, "y": WAVE, **columns})


def test_a_signal_that_comes_while_saving_waits_for_it(tmp_path, monkeypatch):
    session = new_session(prepared_for(), CPU, RunFolder(tmp_path))
    next(session.run())
    real, calls = RunFolder.save_progress, []

    def signalled(self, tensors, content):
        calls.append(content)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(self, tensors, content)

    monkeypatch.setattr(RunFolder, "save_progress", signalled)
    with pytest.raises(KeyboardInterrupt):
        session.save()
    _, content = RunFolder(tmp_path).load_progress()
    assert content == calls[0] == calls[1]


PANEL = pd.DataFrame(
    {
        "ds": [*MONTHS, *MONTHS],
        "unique_id": ["a"] * 48 + ["b"] * 48,
        "y": [*WAVE, *(WAVE * 3)],
        "shop": ["north"] * 48 + ["south"] * 48,
    }
)


def prepared_for(training=(), data=None, split=(), **sections):
    config = {
        "data": {"path": "data"},
        "window": {"lookback": 6, "horizon": 2},
        "model": {"hidden_size": 3, **sections.pop("model", {})},
        "split": {"validation": 8, "test": 8, **dict(split)},
        "training": {"epochs": 4, "batch_size": 8, "learning_rate": 0.01, **dict(training)},
        **sections,
    }
    return prepare(config_from(config), frame() if data is None else data)


def trained(prepared, folder=None):
    session = new_session(prepared, CPU, folder)
    return session, list(session.run())


def records(session):
    """All that does not depend on the clock."""
    return [
        [(e.number, e.step, e.train_loss, e.validation_loss, e.learning_rate) for e in history]
        for history in session.histories
    ]


def same_weights(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_every_epoch_of_every_member_is_reported():
    session, progress = trained(prepared_for({"ensemble": 2, "epochs": 3}))
    assert [(p.member, p.members, p.epoch.number, p.epochs) for p in progress] == [
        *((0, 2, number, 3) for number in (1, 2, 3)),
        *((1, 2, number, 3) for number in (1, 2, 3)),
    ]
    assert session.reasons == ["3 epochs are done"] * 2
    assert [[e.number for e in history] for history in session.histories] == [[1, 2, 3]] * 2


def test_member_k_is_the_model_of_seed_k():
    session, _ = trained(prepared_for({"ensemble": 3}, seed=5))
    for number in range(3):
        alone, _ = trained(prepared_for(seed=5 + number))
        assert same_weights(session.weights[number], alone.weights[0])
    assert not same_weights(session.weights[0], session.weights[1])


@pytest.mark.parametrize(
    ("training", "steps", "reason"),
    [
        ({"max_steps": 7}, [4, 7], "7 steps are done"),  # 32 windows: the last epoch is cut
        ({"max_minutes": 1e-9}, [1], "1e-09 minutes are over"),
        ({"tolerance": 1e9}, [4, 8], "converged: the training loss changed by {change:.2g}"),
    ],
)
def test_training_stops_by_its_limits(training, steps, reason):
    session, progress = trained(prepared_for({"epochs": 50, **training}))
    assert [p.epoch.step for p in progress] == steps
    change = abs(progress[0].epoch.train_loss - progress[-1].epoch.train_loss)
    assert session.reasons == [reason.format(change=change)]


def test_members_share_the_minutes_and_the_bar_knows_what_is_left(monkeypatch):
    """A clock on which all but steps takes no time, and a step of 8 windows a second."""
    clock, real = {"seconds": 0.0}, loop.take_step

    def take_step(*arguments, **options):
        clock["seconds"] += 1
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "take_step", take_step)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock["seconds"])
    limits = {"max_minutes": 0.5, "ensemble": 3, "epochs": 50, "tolerance": 0}
    session, progress = trained(prepared_for(limits))
    assert [history[-1].step for history in session.histories] == [10, 10, 10]
    assert session.reasons == ["its share of 0.5 minutes is over"] * 3
    # 32 windows are 4 steps an epoch, so that the third epoch of each member is cut.
    assert [p.seconds_left for p in progress] == [26, 22, 20, 16, 12, 10, 6, 2, 0]


def test_time_that_a_member_leaves_is_for_the_others(monkeypatch):
    monkeypatch.setattr(session_module, "fit", spied := Spy(session_module.fit))
    prepared = prepared_for({"max_minutes": 10, "ensemble": 2, "epochs": 1})
    session, _ = trained(prepared)
    first, second = (each["most_seconds"] for each in spied.options)
    assert first == 300
    assert second == 600 - session.histories[0][-1].seconds
    assert session.reasons == ["1 epochs are done"] * 2


class Spy:
    """A function that remembers its options."""

    def __init__(self, function):
        self.function, self.options = function, []

    def __call__(self, *arguments, **options):
        self.options.append(options)
        return self.function(*arguments, **options)


def with_weights(session):
    """The model's weights after every epoch, by member."""
    return [(p.member, copied(session.learner.model)) for p in session.run()]


def copied(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("smoothing", "patience", "options"),
    [
        (0.0, 3, {"learning_rate": 0.3}),
        (0.7, 4, {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 4}),
    ],
)
def test_early_stopping_keeps_the_weights_of_the_lowest_mean(smoothing, patience, options):
    """Against means written out; with smoothing their lowest is another than the lowest loss."""
    stopping = {"patience": patience, "smoothing": smoothing}
    prepared = prepared_for({"epochs": 60, "early_stopping": stopping, **options}, seed=3)
    session = new_session(prepared, CPU)
    weights = [each for _, each in with_weights(session)]
    losses = [epoch.validation_loss for epoch in session.histories[0]]
    means = [
        np.average(losses[:end], weights=smoothing ** np.arange(end)[::-1].astype(float))
        for end in range(1, len(losses) + 1)
    ]
    best = 1 + int(np.argmin(means))
    assert len(losses) == best + patience < 60
    assert (best == 1 + int(np.argmin(losses))) == (smoothing == 0)
    assert session.reasons == [f"no lower validation loss since epoch {best}"]
    assert [epoch.number for epoch in session.kept] == [best]
    assert same_weights(session.weights[0], weights[best - 1])
    assert not same_weights(session.weights[0], weights[-1])


@pytest.mark.parametrize("averaging", [{"ema": {"decay": 0.9}}, {"swa": {"start": 0.1}}])
@pytest.mark.parametrize("stopping", [None, {"patience": 60}])
def test_the_average_is_what_is_kept(stopping, averaging):
    """That of the best epoch, or without early stopping of the last, in every member."""
    training = {"averaging": averaging, "early_stopping": stopping, "ensemble": 2, "epochs": 12}
    session, averages = new_session(prepared_for({**training, "learning_rate": 0.1}), CPU), []
    for progress in session.run():
        averages.append((progress.member, copied(session.learner.average)))
        last = copied(session.learner.model)
    for member, epoch in enumerate(session.kept):
        of_member = [average for number, average in averages if number == member]
        assert same_weights(session.weights[member], of_member[epoch.number - 1])
        losses = [each.validation_loss for each in session.histories[member]]
        assert epoch.number == (12 if stopping is None else 1 + int(np.argmin(losses)))
    assert not same_weights(session.weights[1], last)


@pytest.mark.parametrize(
    ("training", "split"), [({"early_stopping": None}, {}), ({}, {"validation": 0})]
)
def test_the_last_weights_are_kept_without_early_stopping_or_validation(training, split):
    session = new_session(
        prepared_for({"learning_rate": 0.5, "epochs": 6, **training}, split=split), CPU
    )
    *_, (_, last) = with_weights(session)
    assert [epoch.number for epoch in session.kept] == [6]
    assert same_weights(session.weights[0], last)


def stopped(prepared, folder, epochs):
    """What a training yields that is saved, and left, after so many epochs."""
    session = new_session(prepared, CPU, folder)
    progress = list(itertools.islice(session.run(), epochs))
    session.save()
    return progress


def resumed(prepared, folder):
    session = new_session(prepared, CPU, folder)
    session.restore()
    return session, list(session.run())


RESUMED = {
    "adam": {},
    "adamw": {"optimizer": {"adamw": {"weight_decay": 0.1}}},
    "gd": {"optimizer": "gd"},
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": {"sgd": {"momentum": 0.9, "nesterov": True}}},
    "adagrad": {"optimizer": {"adagrad": {"lr_decay": 0.1}}},
    "adadelta": {"optimizer": "adadelta", "learning_rate": 1.0},
    "rmsprop": {"optimizer": {"rmsprop": {"momentum": 0.5}}},
    "plateau": {"schedule": {"plateau": {"patience": 1}}, "learning_rate": 0.5},
    "one_cycle": {"schedule": "one_cycle", "warmup": 1},
    "max_steps": {"max_steps": 11, "schedule": "cosine"},
    "early stopping": {"early_stopping": {"patience": 2}, "learning_rate": 0.5},
    "no validation": {"early_stopping": None},
    "ensemble": {"ensemble": 2, "epochs": 3},
    "ema": {"averaging": {"ema": {"decay": 0.9}}},
    "swa": {"averaging": {"swa": {"start": 0.3}}, "early_stopping": None, "ensemble": 2},
    "smoothing": {"early_stopping": {"patience": 2, "smoothing": 0.6}, "learning_rate": 0.5},
    "uniform": {"sampling": "uniform", "series_weights": "mixed"},
    "epoch_windows": {"epoch_windows": 70},
    "bf16": {"precision": "bf16", "averaging": "ema"},
    "dilations": {"dilations": [1, 2]},
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_training_ends_as_if_it_had_never_stopped(name, tmp_path):
    training = {"epochs": 4, **RESUMED[name]}
    skip_without(training.get("precision", "float32"))
    model = {"num_layers": 2, "dropout": 0.3, "batch_norm": True}
    model["dilations"] = training.pop("dilations", None)
    data = PANEL.drop(columns="shop") if name == "uniform" else None
    prepared = prepared_for(training, data, model=model)
    finished, interrupted = (RunFolder(tmp_path / name) for name in ("finished", "interrupted"))
    finished.path.mkdir(), interrupted.path.mkdir()
    whole, progress = trained(prepared, finished)
    whole.save()
    stopped(prepared, interrupted, 2)
    for folder, stopped_after in ((interrupted, 2), (finished, len(progress))):
        torch.manual_seed(stopped_after)
        session, rest = resumed(prepared, folder)
        assert len(rest) == len(progress) - stopped_after
        assert records(session) == records(whole)
        assert session.reasons == whole.reasons
        assert len(session.weights) == len(whole.weights)
        assert all(map(same_weights, session.weights, whole.weights))


def test_a_training_goes_on_from_every_step_of_an_epoch(tmp_path, monkeypatch):
    """It is saved after each step, and what was saved is what it goes on from."""
    monkeypatch.setattr(session_module, "SAVE_EVERY", 0.0)
    prepared = prepared_for({"epochs": 2}, model={"num_layers": 2, "dropout": 0.3})
    whole, epochs = trained(prepared)
    steps = range(1, epochs[0].epoch.step)
    assert len(steps) > 1
    for step in steps:
        folder = RunFolder(tmp_path / str(step))
        folder.path.mkdir()
        left = new_session(prepared, CPU, folder, show_every=0.0)
        assert [progress.is_done for progress in itertools.islice(left.run(), step)][-1] is False
        session, rest = resumed(prepared, folder)
        assert [progress.epoch.number for progress in rest][-1] == 2
        assert records(session) == records(whole)
        assert same_weights(session.weights[0], whole.weights[0])


def test_an_interruption_in_the_first_epoch_of_the_next_member_repeats_nothing(tmp_path):
    prepared, folder = prepared_for({"ensemble": 2, "epochs": 2}), RunFolder(tmp_path)
    session = new_session(prepared, CPU, folder)
    run = session.run()
    next(run), next(run)
    session._finish_member("2 epochs are done")  # and then the signal comes
    assert len(session.weights) == 1
    session.save()
    again, _ = resumed(prepared, folder)
    assert again.reasons == ["2 epochs are done"] * 2


LONGER = {
    "by seed": {"ensemble": 3},
    "some stop early": {"ensemble": 2, "early_stopping": {"patience": 1}, "learning_rate": 0.5},
    "plateau, ema": {"ensemble": 2, "schedule": "plateau", "averaging": "ema"},
    "listed": {"ensemble": [{"window.lookback": 9}, {"training.epochs": 3}, {"window.lags": [2]}]},
}


@pytest.mark.parametrize("name", LONGER)
def test_a_finished_ensemble_goes_on_to_the_bytes_of_a_longer_training(name, tmp_path):
    folder, short, longer = (
        RunFolder(tmp_path),
        *(prepared_for({"epochs": n, **LONGER[name]}) for n in (2, 5)),
    )
    whole, _ = trained(longer)
    finished = new_session(short, CPU, folder)
    list(finished.run())
    finished.save()
    again = new_session(longer, CPU, folder)
    again.restore()
    if next(again.run(), None):  # the first member goes on, and is interrupted once more
        again.save()
    again, _ = resumed(longer, folder)
    assert records(again) == records(whole)
    assert again.reasons == whole.reasons
    assert again.kept[0].number == whole.kept[0].number
    assert all(map(same_weights, again.weights, whole.weights))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    found = [(line["member"], line["number"]) for line in lines]
    assert found == [(m, e.number) for m, each in enumerate(again.histories) for e in each]


@pytest.mark.parametrize(
    ("training", "what"),
    [({"schedule": "cosine"}, "schedule: cosine"), ({"averaging": "swa"}, "averaging: swa")],
)
def test_what_was_laid_out_for_another_length_is_told(training, what, tmp_path, caplog):
    stopped(prepared_for({"epochs": 2, **training}), RunFolder(tmp_path), 2)
    resumed(prepared_for({"epochs": 2, **training}), RunFolder(tmp_path))
    assert "was laid out" not in caplog.text
    resumed(prepared_for({"epochs": 3, **training}), RunFolder(tmp_path))
    assert f"training.{what} was planned for the former length of the training" in caplog.text


def test_seconds_go_on_where_they_were(tmp_path):
    prepared, folder = prepared_for(), RunFolder(tmp_path)
    before = stopped(prepared, folder, 2)
    seconds = [p.epoch.seconds for p in [*before, *resumed(prepared, folder)[1]]]
    assert seconds == sorted(seconds)


def test_metrics_have_no_epoch_twice_after_a_resume(tmp_path):
    prepared, folder = prepared_for(), RunFolder(tmp_path)
    session = new_session(prepared, CPU, folder)
    run = session.run()
    next(run)
    session.save()
    next(run), next(run)  # two more epochs, of which nothing was saved
    again, _ = resumed(prepared, folder)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4]
    assert [Epoch(**{k: v for k, v in x.items() if k != "member"}) for x in lines] == (
        again.histories[0]
    )


def test_a_run_of_which_nothing_was_saved_begins_anew(tmp_path, caplog):
    prepared, folder = prepared_for(), RunFolder(tmp_path)
    next(new_session(prepared, CPU, folder).run())
    assert not (tmp_path / "resume.safetensors").exists()
    session = new_session(prepared, CPU, folder)
    with caplog.at_level(logging.INFO, "forecast"):
        session.restore()
    assert "nothing was saved: training begins anew" in caplog.text
    list(session.run())
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 4


def test_a_training_that_is_watched_tells_of_its_steps_and_is_the_same():
    prepared = prepared_for()
    alone, watched = new_session(prepared, CPU), new_session(prepared, CPU, show_every=0.0)
    epochs, seen = list(alone.run()), list(watched.run())
    assert [p.epoch.step for p in seen if p.is_done] == [p.epoch.step for p in epochs]
    assert [p.epoch.step for p in seen] == [*range(1, epochs[-1].epoch.step + 1)]
    assert {p.steps for p in seen} == {epochs[-1].epoch.step}
    for mine, other in zip(alone.weights, watched.weights, strict=True):
        assert all(torch.equal(mine[name], other[name]) for name in mine)


def test_progress_is_saved_now_and_then(tmp_path, monkeypatch):
    session = new_session(prepared_for(), CPU, RunFolder(tmp_path))
    run = session.run()
    next(run)
    assert not (tmp_path / "resume.safetensors").exists()
    monkeypatch.setattr(session_module, "SAVE_EVERY", -1.0)
    next(run)
    _, content = RunFolder(tmp_path).load_progress()
    assert [epoch["number"] for epoch in content["epochs"][0]] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(y=table.y.where(table.index != 50, 7.0)),
        lambda table: table.assign(unique_id=table.unique_id.replace("b", "c")),
        lambda table: table.assign(shop=table.shop.replace("south", "west")),
        lambda table: table.assign(ds=table.ds + pd.DateOffset(years=1)),
        lambda table: table[table.ds < "2023-12-01"],
    ],
    ids=["value", "series", "category", "times", "rows"],
)
def test_a_resume_on_other_data_is_refused(change, tmp_path):
    sections = {"data": {"path": "p.csv", "static": [{"shop": {"encoding": "one_hot"}}]}}
    folder = RunFolder(tmp_path)

    def session_on(table):
        config = {"window": {"lookback": 6, "horizon": 2}, "model": {"hidden_size": 2}, **sections}
        config |= {"training": {"epochs": 2, "learning_rate": 0.01}}
        config |= {"split": {"validation": 8, "test": 8}}
        return new_session(prepare(config_from(config), table), CPU, folder)

    session = session_on(PANEL)
    next(session.run())
    session.save()
    session_on(PANEL.copy()).restore()
    before = (tmp_path / "metrics.jsonl").read_text()
    with pytest.raises(DataError) as error:
        session_on(change(PANEL)).restore()
    assert str(error.value) == "p.csv: the data have changed since the run began; train anew"
    assert (tmp_path / "metrics.jsonl").read_text() == before


@pytest.mark.parametrize("stopping", [None, {"patience": 3}])
def test_a_loss_that_is_not_finite_is_an_error_with_a_remedy(stopping):
    training = {"optimizer": "sgd", "learning_rate": 1e30, "early_stopping": stopping}
    with pytest.raises(ConfigError) as error:
        trained(prepared_for(training, model={"head_activation": "none"}))
    assert "loss is" in str(error.value)
    assert " in epoch 1, step " in str(error.value)
    assert "lower training.learning_rate (forecast lr-find suggests one)" in str(error.value)
    assert "training.clip_norm: 1" in str(error.value)


def test_a_symptom_is_warned_of_once_while_it_lasts(monkeypatch, caplog):
    monkeypatch.setattr(
        session_module,
        "symptoms",
        lambda history: ["it burns"] if history[-1].number in (2, 3, 5) else [],
    )
    with caplog.at_level(logging.WARNING, "forecast"):
        trained(prepared_for({"epochs": 6}))
    assert [record.getMessage() for record in caplog.records] == [
        "epoch 2: it burns",
        "epoch 5: it burns",
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "forecast"):
        trained(prepared_for({"epochs": 2, "ensemble": 2}))
    assert caplog.messages == ["model 1/2, epoch 2: it burns", "model 2/2, epoch 2: it burns"]


def test_only_members_of_an_ensemble_are_named():
    assert member_name(0, 1) == ""
    assert member_name(1, 3) == "model 2/3, "
