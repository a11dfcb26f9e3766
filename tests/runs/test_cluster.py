"""A cluster of Ray, played by a module of its own."""

import os
import signal
import sys
from types import SimpleNamespace

from forecast.errors import ConfigError, DeviceError
from forecast.runs import cluster
from forecast.runs.cluster import Heartbeat, connected
from tests.helpers import refusal
from tests.runs.clusters import listening, whereabouts


def ray(init):
    """A module that begins in a way of its own, and counts how often it was left."""
    left = []
    return SimpleNamespace(init=init, shutdown=lambda: left.append(1), left=left)


def test_it_leaves_stdout_and_sigterm_alone_and_tells_nobody(monkeypatch, capsys):
    def init(*_, **__):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    fake, before = ray(init), signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with connected("local"):
        assert signal.getsignal(signal.SIGTERM) is before
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        print("(raylet) A worker died")
    print("result")
    assert (capsys.readouterr().out, fake.left) == ("result\n", [1])


def test_no_cluster_is_one_line(monkeypatch):
    def init(*_, **__):
        raise ConnectionError("nobody\nis there")

    monkeypatch.setitem(sys.modules, "ray", ray(init))

    def connect():
        with connected("a:1"):
            pass

    says = "--ray a:1: no cluster answers (nobody is there); check the address"
    assert refusal(connect, error=ConfigError) == says


def test_a_raylet_that_is_gone_is_one_line_at_once():
    with listening() as raylet, listening() as head:
        heartbeat = Heartbeat(SimpleNamespace(**whereabouts(raylet, head)))
        heartbeat.require()
    assert refusal(heartbeat.require, error=DeviceError) == (
        f"the cluster is lost: nothing answers at 127.0.0.1:{raylet[1]} any more; look after it,"
        " and give the same command again to go on"
    )


def test_a_head_may_be_away_for_a_while(monkeypatch):
    now = 0.0
    monkeypatch.setattr(cluster.time, "monotonic", lambda: now)
    with listening() as raylet:
        with listening() as head:
            heartbeat = Heartbeat(SimpleNamespace(**whereabouts(raylet, head)))
        now = cluster.SECONDS_WITHOUT_HEAD
        heartbeat.require()
        now += 1
        assert f"127.0.0.1:{head[1]} any more" in refusal(heartbeat.require, error=DeviceError)


def test_what_never_answered_is_left_alone():
    Heartbeat(SimpleNamespace(**whereabouts())).require()
