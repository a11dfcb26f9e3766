"""A search: exactly so many trials, told apart by how they ended, whatever is killed."""

import json

import pytest

from forecast.errors import ConfigError, DataError
from forecast.tuning.objective import Reported
from forecast.tuning.runners import WorkerLost
from forecast.tuning.search import Limits, search
from forecast.tuning.study import Study
from tests.helpers import refusal
from tests.tuning.helpers import Scripted, basis_in, failed, scored, table


@pytest.fixture(scope="module")
def basis(tmp_path_factory):
    return basis_in(tmp_path_factory.mktemp("basis"))


def by_rate(number, config):
    """A score that is least at a learning rate of 0.02."""
    return scored(abs(config.training.learning_rate - 0.02) + config.model.hidden_size)


def run(path, basis, events, trials, slots=1, pruner="median"):
    """A search from the beginning, or from where the journal is; its rows and the runner."""
    study, runner = Study(path, basis, pruner), Scripted(events, slots)
    try:
        seen = [*search(study, runner, Limits(trials))]
        assert runner.is_closed
        assert seen[-1].ended == study.ended()
        return study.rows(), runner
    finally:
        study.close()


def told(rows):
    return [(row.state, row.score, dict(row.values)) for row in rows]


def test_the_first_trial_is_the_configuration_as_it_is(tmp_path, basis):
    rows, runner = run(tmp_path / "j", basis, by_rate, 1)
    assert rows[0].values == {"training.learning_rate": 0.01, "model.hidden_size": 4}
    assert runner.started[0][1] == basis.config.model_copy(update={"tune": {}})


def test_more_trials_of_the_same_study_are_those_of_one_that_was_longer(tmp_path, basis):
    whole, _ = run(tmp_path / "whole", basis, by_rate, 8)
    run(tmp_path / "parts", basis, by_rate, 3)
    parts, _ = run(tmp_path / "parts", basis, by_rate, 8)
    assert told(parts) == told(whole)
    assert len({row.values["training.learning_rate"] for row in whole}) == 8
    again, runner = run(tmp_path / "parts", basis, by_rate, 8)
    assert (told(again), runner.started) == (told(whole), [])


def test_what_a_killed_process_was_at_is_made_up_for(tmp_path, basis):
    whole, _ = run(tmp_path / "whole", basis, by_rate, 6)
    run(tmp_path / "killed", basis, by_rate, 3)
    study = Study(tmp_path / "killed", basis)
    study.ask()
    study.close()  # as if it were killed: the trial is running in the journal
    lines = (tmp_path / "killed").read_bytes()
    (tmp_path / "killed").write_bytes(lines + b'{"op_code":6,"worker')  # and a line is torn
    rows, _ = run(tmp_path / "killed", basis, by_rate, 6)
    assert rows[3].state == "interrupted"
    assert rows[3].values == rows[4].values
    assert told(rows[:3] + rows[4:]) == told(whole)
    for line in (tmp_path / "killed").read_text().splitlines():
        json.loads(line)


def test_the_study_goes_on_when_processes_are_killed(tmp_path, basis):
    """One that is killed is made up for, with the same values; what kills two has failed."""

    def events(number, config):
        killed = number == 1 or config.model.hidden_size == 3
        return [WorkerLost("its process was ended (signal 9)")] if killed else scored(1.0)

    rows, _ = run(tmp_path / "j", basis, events, 5, slots=2)
    states = [row.state for row in rows]
    assert sum(state in ("complete", "failed") for state in states) == 5
    assert rows[1].state == "interrupted"
    for row in rows:
        if row.state == "failed":
            assert row.facts["reason"] == "its process was ended (signal 9), for the second time"
            same = [each for each in rows if each.facts["place"] == row.facts["place"]]
            assert [each.state for each in same] == ["interrupted", "failed"]
            assert same[0].values == same[1].values
    assert "failed" in states


@pytest.mark.parametrize("slots", [1, 3])
def test_exactly_so_many_trials_end(tmp_path, basis, slots):
    rows, runner = run(tmp_path / "j", basis, by_rate, 7, slots, "none")
    assert [row.state for row in rows] == ["complete"] * 7
    assert len(runner.started) == 7


def test_trials_that_fail_count_and_say_why(tmp_path, basis):
    def events(number, config):
        return failed("the loss is no number") if number % 2 else scored(number)

    rows, _ = run(tmp_path / "j", basis, events, 4)
    assert [row.state for row in rows] == ["complete", "failed", "complete", "failed"]
    assert rows[1].facts["reason"] == "the loss is no number"
    assert rows[1].score is None


def test_trials_that_promise_little_are_pruned(tmp_path, basis):
    def events(number, config):
        return scored(100 if number == 6 else 10 - number)

    rows, runner = run(tmp_path / "j", basis, events, 8)
    assert runner.stopped == [6]
    assert [row.state for row in rows].index("pruned") == 6
    assert rows[6].facts["epochs"] < 3
    assert rows[6].score >= 100
    rows, runner = run(tmp_path / "none", basis, events, 8, pruner="none")
    assert (runner.stopped, {row.state for row in rows}) == ([], {"complete"})


def test_scores_that_are_no_numbers_prune_nothing(tmp_path, basis):
    def events(number, config):
        return [Reported(1, float("nan")), *failed("diverged")] if number else scored(1)

    rows, _ = run(tmp_path / "j", basis, events, 3)
    assert [row.state for row in rows] == ["complete", "failed", "failed"]


def test_what_runs_when_the_search_is_closed_does_not_count(tmp_path, basis):
    study = Study(tmp_path / "j", basis)
    steps = search(study, Scripted(by_rate), Limits(4))
    next(steps)
    steps.close()
    assert [row.state for row in study.rows()] == ["interrupted"]
    study.close()
    rows, _ = run(tmp_path / "j", basis, by_rate, 4)
    assert [row.state for row in rows] == ["interrupted", *["complete"] * 4]


def test_when_the_time_is_over_nothing_more_begins(tmp_path, basis):
    study = Study(tmp_path / "j", basis)
    seen = [*search(study, Scripted(by_rate), Limits(None, until=0.0))]
    assert (study.rows(), len(seen)) == ([], 1)
    study.close()


def test_values_that_do_not_go_together_fail(tmp_path):
    searched = {"model.num_layers": [1, 2], "model.hidden_size": [[3], [3, 4]]}
    basis = basis_in(tmp_path, tune=searched)
    rows, _ = run(tmp_path / "j", basis, lambda number, config: scored(1), 8)
    assert {row.state for row in rows} == {"complete", "failed"}
    for row in rows:
        fits = len(row.values["model.hidden_size"]) == row.values["model.num_layers"]
        assert fits == (row.state == "complete")
        assert fits or "give each layer one size" in row.facts["reason"]


def test_another_configuration_or_table_is_refused(tmp_path, basis):
    run(tmp_path / "j", basis, by_rate, 1)
    other = basis_in(tmp_path, seed=3)
    assert refusal(Study, tmp_path / "j", other, error=ConfigError) == (
        f"{tmp_path} holds a study of another configuration: seed is 3, it began with 0; put it"
        " back, or give another --output"
    )
    frame = table()
    frame.loc[5, "sales"] += 1
    changed, before = basis_in(tmp_path, frame), (tmp_path / "j").read_bytes()
    assert "the data have changed since the study" in refusal(
        Study, tmp_path / "j", changed, error=DataError
    )
    assert (tmp_path / "j").read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "nonsense",
        "[" * 100_000,
        "{}",
        '{"op_code": 4, "worker_id": "x"}',
        '{"op_code": 99}',
        *(
            f'{{"op_code": 4, "worker_id": "x", "study_id": 0, "state": 1, {values}}}'
            for values in (
                '"value": null, "values": null',
                '"value": -1.0, "values": null',
                '"value": Infinity, "values": null',
                '"value": "x", "values": null',
                '"value": null, "values": [1.0, 2.0]',
                '"value": 1.0, "values": null, "intermediate_values": {"1": "x"}',
            )
        ),
    ],
)
def test_a_damaged_journal_is_refused_in_one_line(tmp_path, basis, line):
    run(tmp_path / "j", basis, by_rate, 1)
    with (tmp_path / "j").open("a") as file:
        file.write(f"{line}\n")
    assert "the journal of the study is damaged" in refusal(
        Study, tmp_path / "j", basis, error=DataError
    )
