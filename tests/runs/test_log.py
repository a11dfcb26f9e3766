"""Log lines: to the stderr of the moment, and to the file of a run once it begins."""

import contextlib
import io
import logging
import re
import sys
import threading

import pytest

from forecast.runs.log import run_log, silenced, stderr_log

log = logging.getLogger("forecast")


def test_lines_go_to_stderr_within_the_block_only(capsys):
    with stderr_log(quiet=False):
        log.info("read %d rows", 3)
        log.warning("odd")
    log.warning("afterwards")
    captured = capsys.readouterr()
    assert captured.err == "INFO: read 3 rows\nWARNING: odd\n"
    assert captured.out == ""


def test_quiet_leaves_warnings(capsys):
    with stderr_log(quiet=True):
        log.info("read 3 rows")
        log.warning("odd")
    assert capsys.readouterr().err == "WARNING: odd\n"


def test_lines_follow_when_stderr_is_replaced(capsys, monkeypatch):
    with stderr_log(quiet=False):
        log.info("before")
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        log.info("in the bar")
        assert sys.stderr.getvalue() == "INFO: in the bar\n"
        monkeypatch.undo()
    assert capsys.readouterr().err == "INFO: before\n"


def test_the_logger_is_left_as_it_was():
    before = log.level, list(log.handlers)
    with contextlib.suppress(KeyError), stderr_log(quiet=False), run_log():
        assert log.level == logging.INFO
        raise KeyError
    assert (log.level, log.handlers) == before


def test_a_run_keeps_its_lines_until_it_has_a_file(tmp_path):
    path = tmp_path / "log.txt"
    with stderr_log(quiet=True), run_log() as lines:
        log.info("first")
        assert not path.exists()
        lines.begin(path)
        log.warning("second")
        lines.begin(path)  # again, as a run does when it knows its learning rate
    log.warning("third")
    text = path.read_text()
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == ["INFO first", "WARNING second"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line) for line in text.splitlines())


def test_a_run_that_never_begins_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with run_log():
        log.warning("lost")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_the_caller(tmp_path):
    with run_log() as lines:
        lines.begin(tmp_path / "log.txt")
        lines.path = tmp_path / "gone" / "log.txt"
        with pytest.raises(FileNotFoundError):
            log.warning("where to?")


def test_what_other_threads_say_is_not_of_this_run(tmp_path):
    with run_log() as lines:
        lines.begin(tmp_path / "log.txt")
        thread = threading.Thread(target=log.warning, args=("of another run",))
        thread.start()
        thread.join()
        log.warning("of this run")
    assert (tmp_path / "log.txt").read_text().endswith(" WARNING of this run\n")
    assert "another" not in (tmp_path / "log.txt").read_text()


def test_a_thread_silences_itself_alone_and_not_for_ever(caplog):
    """Blocks of two threads overlap: the first to begin is the first to end."""
    log = logging.getLogger("forecast")
    turns = [threading.Event() for _ in range(3)]

    def first():
        with silenced():
            turns[0].set()
            turns[1].wait(10)
            log.warning("of the first")

    def second():
        turns[0].wait(10)
        with silenced():
            turns[1].set()
            turns[2].wait(10)
            log.warning("of the second")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    turns[1].wait(10)
    log.warning("of the main thread")
    threads[0].join(10)
    turns[2].set()
    threads[1].join(10)
    log.warning("afterwards")
    assert caplog.messages == ["of the main thread", "afterwards"]
