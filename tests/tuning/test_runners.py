"""Trials in processes of their own: the same scores, killed ones are made up for, none is left."""

import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forecast.config.tree import write_config
from forecast.tuning import runners
from forecast.tuning.objective import Reported
from forecast.tuning.runners import InProcess, Processes, work
from forecast.tuning.search import Limits, search
from forecast.tuning.study import Study
from tests.tuning.helpers import basis_in, config_of

SEARCHED = {"training.learning_rate": {"low": 0.01, "high": 0.1}}


def is_there(process):
    return Path(f"/proc/{process}").exists()


KILLED = pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")


@KILLED
@pytest.mark.timeout(240)
def test_processes_are_killed_and_replaced_and_score_as_this_one_does(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    basis = basis_in(tmp_path, tune=SEARCHED)
    study, runner = Study(tmp_path / "study.jsonl", basis, "none"), Processes(basis.config, 2)
    killed, seen = [], set()
    real = runner.next

    def next_and_kill(seconds):
        """The process that is first to report is killed before it is answered."""
        happened = real(seconds)
        seen.update(worker.process.pid for worker in runner.workers)
        if happened and isinstance(happened[1], Reported) and not killed:
            worker = next(each for each in runner.workers if each.number == happened[0])
            killed.append((happened[0], worker.process.pid))
            os.kill(worker.process.pid, signal.SIGKILL)
        return happened

    monkeypatch.setattr(runner, "next", next_and_kill)
    list(search(study, runner, Limits(4)))
    rows = study.rows()
    study.close()
    number, _ = killed[0]
    assert rows[number].state == "interrupted"
    assert rows[number].facts["reason"] == "its process was ended (signal 9)"
    ended = [row for row in rows if row.number != number]
    assert [row.state for row in ended] == ["complete"] * 4
    assert len(seen) == 3, "one that was killed is replaced"
    assert not [each for each in seen if is_there(each)]

    alone = Study(tmp_path / "alone.jsonl", basis, "none")
    list(search(alone, InProcess(basis), Limits(4)))
    expected = {row.values["training.learning_rate"]: row.score for row in alone.rows()}
    alone.close()
    assert {row.values["training.learning_rate"]: row.score for row in ended} == expected


def test_what_goes_wrong_in_a_process_is_raised_in_the_one_that_asks(tmp_path, monkeypatch):
    """The table is gone when the process reads it, which here is this one."""
    monkeypatch.setattr(runners, "_own_process", lambda threads: None)
    basis = basis_in(tmp_path)
    (tmp_path / "table.csv").unlink()
    runner = Processes(basis.config, 1)
    line, other = multiprocessing.Pipe()
    work(other, basis.config, 1)
    runner.workers.append(runners._Worker(multiprocessing.Process(), line, 7))
    with pytest.raises(RuntimeError, match=r"DataError: .*table.csv: no such file"):
        runner.next(1.0)
    line.close()
    other.close()


def test_a_process_does_not_hear_ctrl_c_while_it_imports(tmp_path, monkeypatch):
    heard = []
    begun = multiprocessing.get_context("spawn").Process
    monkeypatch.setattr(begun, "start", lambda _: heard.append(signal.getsignal(signal.SIGINT)))
    Processes(basis_in(tmp_path).config, 1)._new().line.close()
    assert heard == [signal.SIG_IGN]


def test_a_process_ends_with_the_one_that_asks(tmp_path, monkeypatch):
    """Nobody is at the other end any more, before a trial, and at its first epoch."""
    monkeypatch.setattr(runners, "_own_process", lambda threads: None)
    config = basis_in(tmp_path).config
    for asked in ([], [config]):
        line, other = multiprocessing.Pipe()
        for each in asked:
            line.send(each)
        line.close()
        work(other, config, 1)
        other.close()


@KILLED
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_study_leaves_no_process_and_goes_on(tmp_path):
    config = config_of(tmp_path, tune=SEARCHED)
    (tmp_path / "config.yaml").write_text(write_config(config))
    words = ["tune", "config.yaml", "--trials", "6", "--workers", "2", "--output", "out"]
    command = [sys.executable, "-m", "forecast", *words]
    journal = tmp_path / "out" / "study.jsonl"
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and not (journal.exists() and b'"value' in journal.read_bytes()):
        time.sleep(0.2)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    first.kill()
    first.wait()
    with journal.open("ab") as file:
        file.write(b'{"op_code":7,"wor')
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert second.returncode == 0, second.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "study.csv").read_text().splitlines()))
    states = [row["state"] for row in rows]
    assert sum(state in ("complete", "pruned", "failed") for state in states) == 6
    assert 1 <= states.count("interrupted") <= 2
    assert not [child for child in children if is_there(child)]
