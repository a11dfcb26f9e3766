"""Trials by the actors of a cluster: the same objective, and actors that die."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import pytest

from forecast.errors import ConfigError, DeviceError
from forecast.tuning.on_ray import OnRay
from forecast.tuning.runners import InProcess
from forecast.tuning.search import Limits, search
from forecast.tuning.study import Study
from tests.helpers import refusal
from tests.runs.clusters import listening, whereabouts
from tests.tuning.helpers import basis_in


@pytest.fixture(autouse=True)
def as_loud_as_before():
    """An actor silences its process, which here is that of all tests."""
    log = logging.getLogger("forecast")
    before = log.level
    yield
    log.setLevel(before)


class DiedError(Exception):
    """As ray raises it for an actor that is gone."""


class FaultError(Exception):
    """As ray raises it for a task that failed."""

    def __init__(self, cause):
        super().__init__()
        self.cause = cause


class Reference:
    """What a task will give: here it is done when somebody asks."""

    def __init__(self, act):
        self.act = act


class Handle:
    """An actor of the cluster, in this process."""

    def __init__(self, made, dies):
        self.made, self.dies = made, dies

    def __getattr__(self, name):
        def remote(*given):
            if name == "start":
                return self.made.start(*given)
            return Reference(lambda: self._next())

        return SimpleNamespace(remote=remote)

    def _next(self):
        if self.dies.pop(0) if self.dies else False:
            raise DiedError
        return self.made.next()


def cluster(dies=(), processors=3):
    """A ray of one process; `dies` says of each question whether the actor dies of it."""
    dies, left = [*dies], []

    def remote(**resources):
        return lambda kind: SimpleNamespace(
            remote=lambda *given: Handle(kind(*(each.act() for each in given)), dies)
        )

    return SimpleNamespace(
        init=lambda *_, **__: None,
        cluster_resources=lambda: {"CPU": float(processors)},
        put=lambda value: Reference(lambda: value),
        remote=remote,
        get=lambda reference: reference.act(),
        wait=lambda asked, timeout: (asked[:1], asked[1:]),
        left=left,
        shutdown=lambda: left.append("all"),
        **whereabouts(),
        exceptions=SimpleNamespace(RayActorError=DiedError, RayTaskError=FaultError),
    )


def rows_by(folder, basis, make):
    with contextlib.closing(Study(folder, basis)) as study:
        list(search(study, make(basis), Limits(6)))
        return study.rows()


def test_a_cluster_finds_what_one_process_finds(tmp_path, monkeypatch):
    basis, fake = basis_in(tmp_path), cluster(processors=1)
    monkeypatch.setitem(sys.modules, "ray", fake)
    told = [
        [(row.state, row.score, dict(row.values)) for row in rows_by(tmp_path / name, basis, make)]
        for name, make in (("here", InProcess), ("ray", lambda basis: OnRay(basis, "auto")))
    ]
    assert told[0] == told[1]
    assert fake.left == ["all"]


def test_an_actor_that_dies_is_replaced(tmp_path, monkeypatch):
    basis, fake = basis_in(tmp_path), cluster(dies=[False, True])
    monkeypatch.setitem(sys.modules, "ray", fake)
    rows = rows_by(tmp_path / "j", basis, lambda basis: OnRay(basis, "auto"))
    states = [row.state for row in rows]
    assert states.count("interrupted") == 1
    assert len(states) == 7
    assert rows[states.index("interrupted")].facts["reason"] == "its actor is gone"


def test_a_fault_of_a_task_is_raised(tmp_path, monkeypatch):
    def get(reference):
        raise FaultError(KeyError("a"))

    fake = cluster()
    fake.get = get
    monkeypatch.setitem(sys.modules, "ray", fake)
    with pytest.raises(RuntimeError, match="KeyError: 'a'"):
        rows_by(tmp_path / "j", basis_in(tmp_path), lambda basis: OnRay(basis, "auto"))


def test_a_cluster_that_is_lost_ends_the_study_in_one_line(tmp_path, monkeypatch):
    basis, fake = basis_in(tmp_path), cluster()
    with listening() as place:
        fake.nodes = whereabouts(place, place)["nodes"]
        monkeypatch.setitem(sys.modules, "ray", fake)
        runner = OnRay(basis, "auto")
    fake.wait = lambda asked, timeout: ([], asked)
    with contextlib.closing(runner):
        says = refusal(runner.next, 0.0, error=DeviceError)
    assert says.startswith("the cluster is lost: nothing answers at 127.0.0.1:")


def test_a_cluster_that_does_not_answer_and_a_missing_ray_are_refused(tmp_path, monkeypatch):
    def init(*_, **__):
        raise ConnectionError("nobody\nis there")

    fake, basis = cluster(), basis_in(tmp_path)
    fake.init = init
    monkeypatch.setitem(sys.modules, "ray", fake)
    with pytest.raises(ConfigError, match=r"--ray a:1: no cluster answers \(nobody is there\)"):
        OnRay(basis, "a:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'forecast-lstm\[ray\]'"):
        OnRay(basis, "a:1")


REAL = """
import pathlib, sys
from tests.tuning.helpers import basis_in
from forecast.tuning.on_ray import OnRay
from tests.tuning.test_on_ray import rows_by
basis = basis_in(pathlib.Path(sys.argv[1]))
rows = rows_by(pathlib.Path(sys.argv[1]) / "j", basis, lambda basis: OnRay(basis, "local", 2))
print(*(row.state for row in rows))
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_real_ray_does_so_too(tmp_path):
    pytest.importorskip("ray", reason="ray is not installed")
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as short:
        # ray makes sockets there, whose paths may have 107 letters.
        environment = {**os.environ, "RAY_TMPDIR": short, "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", REAL, str(tmp_path)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=200,
        )
    states = done.stdout.split()
    assert len(states) == 6, done.stderr
    assert {*states} <= {"complete", "pruned"}
