"""The lock on a folder: one owner, named to others, and gone with its process."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from forecast.errors import ConfigError
from forecast.runs import lock
from forecast.runs.lock import LOCK_FILE, locked

HOLD = """
import sys, time
from pathlib import Path
from forecast.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def holder(folder):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "locked\n"
    return process


def test_the_owner_is_named_to_others_and_kill_frees_the_folder(tmp_path):
    with holder(tmp_path) as other:
        with pytest.raises(ConfigError) as error, locked(tmp_path):
            pass
        assert str(error.value) == (
            f"{tmp_path}: in use by process {other.pid}; wait for it, or give another folder"
        )
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert (tmp_path / LOCK_FILE).read_text() == f"{other.pid}\n"
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    assert os.listdir(tmp_path) == []


def test_a_process_is_not_its_own_exception(tmp_path):
    with locked(tmp_path):
        with pytest.raises(ConfigError, match=f"in use by process {os.getpid()};"):
            locked(tmp_path).__enter__()
        assert os.listdir(tmp_path) == [LOCK_FILE], "the refused one took nothing away"
    with locked(tmp_path):
        pass


def test_the_folder_is_made_and_an_error_frees_it(tmp_path):
    folder = tmp_path / "a" / "b"
    with pytest.raises(KeyError), locked(folder):
        raise KeyError
    assert os.listdir(folder) == []


def test_a_lock_that_its_owner_took_away_meanwhile_is_made_anew(tmp_path, monkeypatch):
    real, taken = fcntl.flock, []

    def remove_first(descriptor, flags):
        real(descriptor, flags)
        if not taken:
            taken.append((tmp_path / LOCK_FILE).unlink())

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with locked(tmp_path), pytest.raises(ConfigError), locked(tmp_path):
        pass
    assert taken == [None]


def test_an_owner_that_has_not_signed_yet_is_waited_for(tmp_path):
    path = tmp_path / LOCK_FILE
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        signed = threading.Timer(0.2, lambda: path.write_text("123\n"))
        signed.start()
        with pytest.raises(ConfigError, match="in use by process 123;"), locked(tmp_path):
            pass
        signed.join()


def test_an_owner_that_never_signs_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "SECONDS_TO_SIGN", 0.05)
    with (tmp_path / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="in use by process unknown;"), locked(tmp_path):
            pass


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path):
        pass
    (message,) = caplog.messages
    assert message.endswith("cannot be locked: No locks available; start no second run in it")


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.symlink_to(path.parent / "victim"),
        lambda path: path.symlink_to(path.parent / "nowhere" / "x"),
        lambda path: path.hardlink_to(path.parent / "victim"),
        lambda path: path.write_text("state of another program"),
        lambda path: path.write_text("123\n456\n"),
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
    ],
    ids=["link", "dangling link", "hard link", "foreign", "numbers", "folder", "pipe"],
)
@pytest.mark.timeout(10)
def test_what_is_no_lock_of_ours_is_refused_and_left_alone(tmp_path, put):
    victim = tmp_path / "victim"
    victim.write_text("1\n")
    path = tmp_path / LOCK_FILE
    put(path)
    before = os.lstat(path)
    with pytest.raises(ConfigError) as error, locked(tmp_path):
        pass
    assert str(error.value) == (
        f"{path} is no lock of this program; take it away, or give another folder"
    )
    after = os.lstat(path)
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert victim.read_text() == "1\n"


def test_a_lock_that_is_always_taken_away_ends_in_a_refusal(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "MOST_ATTEMPTS", 3)
    monkeypatch.setattr(lock, "_lock", lambda descriptor, path: path.unlink())
    with pytest.raises(ConfigError, match=r"lock: removed 3 times; give"), locked(tmp_path):
        pass


def test_descriptors_are_closed(tmp_path):
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        with locked(tmp_path), pytest.raises(ConfigError), locked(tmp_path):
            pass
    assert len(os.listdir("/dev/fd")) <= before
