"""The profile: seconds by part, and what is left."""

import contextlib

import pytest

from forecast.training import profile
from forecast.training.profile import PROFILE_PARTS, Profile, profile_rows


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = {"seconds": 100.0}
    monkeypatch.setattr(profile.time, "perf_counter", lambda: now["seconds"])
    return now


def test_parts_add_up_and_the_rest_is_overhead(clock):
    found = Profile(began=100.0)
    for seconds in (2.0, 3.0):
        with found.part("kernel"):
            clock["seconds"] += seconds
    with contextlib.suppress(KeyError), found.part("writing"):
        clock["seconds"] += 1.0
        raise KeyError
    clock["seconds"] += 4.0
    assert found.table() == {
        "data": 0.0,
        "kernel": 5.0,
        "optimizer": 0.0,
        "evaluation": 0.0,
        "writing": 1.0,
        "overhead": 4.0,
    }
    assert list(found.table()) == list(PROFILE_PARTS)
    assert not found.is_wanted


def test_the_table_as_a_person_reads_it():
    seconds = {**dict.fromkeys(PROFILE_PARTS, 0.0), "kernel": 3.0, "overhead": 1.0}
    found = {name: (time, share) for name, time, share, _ in profile_rows(seconds)}
    assert found["kernel"] == ("3.00 s", "75.0 %")
    assert found["all"] == ("4.00 s", "100.0 %")


def test_nothing_is_divided_by_zero():
    assert profile_rows(dict.fromkeys(PROFILE_PARTS, 0.0))[-1][1] == "0.00 s"
