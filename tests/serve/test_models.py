"""Models are exchanged when they were trained anew; what is damaged leaves the old one at work."""

import logging
import os
import threading

import pytest

from forecast.errors import ConfigError, DataError
from forecast.runs.folder import MODEL_FILE, RunFolder
from forecast.serve.models import Models, name_of
from tests.helpers import refusal
from tests.serve.helpers import ask, service_of
from tests.waves import SINGLE, config, finish, session_of


@pytest.fixture
def folder(single, tmp_path):
    """A run folder with a copy of the model."""
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / MODEL_FILE).write_bytes(single[1].read_bytes())
    return tmp_path / "sales"


@pytest.fixture(scope="module")
def other():
    return finish(session_of(config(seed=7), SINGLE))


def test_a_model_is_called_as_its_folder_or_its_file(folder, single):
    assert name_of(folder / MODEL_FILE) == "sales"
    assert [served.name for served in Models([folder, single[1]])] == ["sales", "single"]


def test_runs_that_cannot_be_served_are_refused_at_the_start(folder, tmp_path):
    again = tmp_path / "again" / "sales"
    again.mkdir(parents=True)
    (again / MODEL_FILE).write_bytes((folder / MODEL_FILE).read_bytes())
    line = refusal(Models, [folder, again], error=ConfigError)
    assert line == "two runs are called sales; rename the folder of one"
    refusal(Models, [tmp_path / "none"], error=DataError)


def test_a_model_that_is_trained_anew_takes_over(folder, other):
    with service_of(folder) as service:
        before = ask(service, {})[0].json()["forecast"]
        service.models.look()
        assert service.models.swaps == 0
        other.save(folder / MODEL_FILE)
        service.models.look()
        after = ask(service, {})[0].json()["forecast"]
    expected = other.forecast().forecast
    assert [row["forecast"] for row in after] == pytest.approx([*expected], rel=1e-8)
    assert [row["forecast"] for row in before] != pytest.approx([*expected], rel=1e-3)
    assert service.models.swaps == 1


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "folder", "pipe", "huge"])
@pytest.mark.timeout(60)
def test_a_damaged_model_is_refused_and_the_old_one_stays(folder, caplog, damage):
    path = folder / MODEL_FILE
    with service_of(folder) as service:
        before = ask(service, {})[0].json()
        data = bytearray(path.read_bytes())
        path.unlink()
        if damage == "cut":
            path.write_bytes(data[:-10])
        if damage == "bit":
            data[-1] ^= 1
            path.write_bytes(data)
        if damage == "folder":
            path.mkdir()
        if damage == "pipe":
            os.mkfifo(path)
        if damage == "huge":
            path.write_bytes(data)
            os.truncate(path, 2**38)  # of nothing: it takes no place on the disk
        with caplog.at_level(logging.WARNING, "forecast"):
            service.models.look()
            service.models.look()  # says it once
        assert ask(service, {})[0].json() == before
    assert len(caplog.messages) == service.models.refusals == 1
    assert caplog.messages[0].startswith("sales: the old model keeps serving: ")
    assert "\n" not in caplog.messages[0]


def test_a_model_that_is_mended_takes_over(folder, other):
    path = folder / MODEL_FILE
    models = Models([folder])
    path.write_bytes(b"half")
    models.look()
    other.save(path)
    models.look()
    assert (models.refusals, models.swaps) == (1, 1)


def test_the_same_model_again_is_no_other(folder):
    models = Models([folder])
    first = models.get(None)
    os.utime(folder / MODEL_FILE, (1, 1))
    models.look()
    assert (models.get(None), models.swaps) == (first, 0)


def test_the_watcher_looks_until_the_service_ends(folder, other, monkeypatch):
    monkeypatch.setattr("forecast.serve.models.LOOK_EVERY", 0.01)
    models, ends = Models([folder]), threading.Event()
    seen = threading.Event()
    look = models.look
    monkeypatch.setattr(models, "look", lambda: (look(), models.swaps and seen.set()))
    watcher = threading.Thread(target=models.watch, args=(ends,))
    watcher.start()
    other.save(folder / MODEL_FILE)
    assert seen.wait(60)
    ends.set()
    watcher.join(timeout=60)
    assert not watcher.is_alive()


def test_a_run_that_is_replaced_has_its_model_at_every_moment(tmp_path, monkeypatch):
    """`train --force` trains in `.next`: whatever file it moves or removes, a model is there."""
    home = RunFolder(tmp_path)
    for folder in (home, home.next):
        folder.begin()
        for name in ("config.yaml", "environment.json", MODEL_FILE, "log.txt", "summary.json"):
            folder.write(name, str(folder.path))
    home.write("profile.json", "of the old run alone")
    seen = []
    for name in ("replace", "unlink"):
        call = getattr(os, name)

        def watched(*arguments, _call=call, **options):
            seen.append((tmp_path / MODEL_FILE).exists())
            result = _call(*arguments, **options)
            seen.append((tmp_path / MODEL_FILE).exists())
            return result

        monkeypatch.setattr(os, name, watched)
    home.next.commit()
    assert len(seen) >= 12
    assert all(seen)
    assert (tmp_path / MODEL_FILE).read_text() == str(home.next.path)
