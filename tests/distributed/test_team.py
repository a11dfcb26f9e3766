"""Who computes a training: what a process is told, where it stands, and that helpers end."""

import os
from types import SimpleNamespace

import pytest

from forecast.distributed import team
from forecast.distributed.environment import Place, own_place
from forecast.distributed.team import ALONE, team_of
from forecast.distributed.work import as_work, prepared_by
from forecast.errors import ConfigError, DataError
from forecast.prepare import prepare
from forecast.tables import remote
from tests.distributed.helpers import helpers_started
from tests.helpers import refusal, small_config, wave_table


@pytest.fixture
def helpers(monkeypatch):
    """The helpers that are started."""
    return helpers_started(monkeypatch)


def test_the_work_names_the_table_and_what_it_holds(tmp_path):
    path = tmp_path / "table.csv"
    wave_table(72, "2018-01-01", "MS", 12, 50).to_csv(path, index=False)
    prepared = prepare(small_config(data={"path": str(path)}))
    work = as_work(prepared)
    assert prepared_by(work).config == prepared.config
    wave_table(72, "2018-01-01", "MS", 12, 51).to_csv(path, index=False)
    said = refusal(prepared_by, work, error=DataError)
    assert said == f"{path}: another process of the training reads other data there"


def test_an_address_that_rank_0_may_read_is_read_by_the_others_too(monkeypatch):
    monkeypatch.setattr(remote, "_named", {"memory://t/x.csv"})
    system = pytest.importorskip("fsspec", reason="pip install fsspec").filesystem("memory")
    table = wave_table(72, "2018-01-01", "MS", 12, 50)
    system.pipe("memory://t/x.csv", table.to_csv(index=False).encode())
    work = as_work(prepare(small_config(data={"path": "memory://t/x.csv"})))
    remote._named.clear()
    assert len(prepared_by(work).panel.values) == 72


def test_the_place_of_a_process_stands_in_its_environment():
    there = {"MASTER_ADDR": "h", "MASTER_PORT": "1", "RANK": "5", "WORLD_SIZE": "8"}
    assert own_place({}) == own_place({"RANK": "5", "WORLD_SIZE": "8"}) == Place()
    assert own_place({**there, "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}) == Place(5, 8, 1, 4)
    assert own_place(there) == Place(5, 8, 5, 8)
    assert refusal(own_place, {**there, "RANK": "x"}).startswith("RANK='x' is no number")
    assert refusal(own_place, {**there, "RANK": "8"}).startswith("RANK=8 does not fit WORLD_SIZE=8")


@pytest.mark.parametrize("processes", [None, 1])
def test_one_process_has_no_helpers(processes, helpers):
    with team_of(processes, 300.0, 0) as team:
        assert team is ALONE
    assert not helpers


def test_helpers_that_are_not_wanted_any_more_end(helpers):
    with pytest.raises(KeyError), team_of(3, 300.0, 0):
        raise KeyError
    assert [process.poll() for process in helpers[0].processes] != [None, None]
    assert not os.path.exists(helpers[0].folder.name)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0, 300.0, 0), "--processes 0: give a number from 1 to 256"),
        ((200, 300.0, 0), "--processes 200: this machine has 16 cores; give one for each, 16"),
        ((2, 0.0, 0), "--timeout 0: give seconds from above 0 to 86400"),
        ((2, float("nan"), 0), "--timeout nan: give seconds from above 0 to 86400"),
        ((2, 300.0, -1), "--max-restarts -1: give 0 or more"),
    ],
)
def test_numbers_that_make_no_sense(given, says, monkeypatch):
    monkeypatch.setattr(team, "os", SimpleNamespace(cpu_count=lambda: 16))

    def enter():
        with team_of(*given):
            raise AssertionError

    assert refusal(enter, error=ConfigError) == says
