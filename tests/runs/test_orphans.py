"""Processes end with the one that started them, even while they import."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from forecast.runs.orphans import deaf_to_interrupts, end_with_parent

SLOW = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(100)"
"""A module whose import takes long."""
SPAWNED = """
from multiprocessing import get_context
get_context("spawn").Process(target=call, args=("slow", "main")).start()
"""
STARTED = """
import subprocess, sys
subprocess.Popen([sys.executable, "-m", "forecast.runs.orphans", "slow"])
"""
PARENT = """
import os, pathlib, time
from forecast.runs.orphans import call
{}
while not pathlib.Path("begun").exists():
    time.sleep(0.01)
os._exit(3)
"""


@pytest.mark.parametrize("starts", [SPAWNED, STARTED])
def test_a_process_that_imports_ends_with_its_parent(tmp_path, starts):
    (tmp_path / "slow.py").write_text(SLOW)
    ended = subprocess.run(
        [sys.executable, "-c", PARENT.format(starts)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])},
        capture_output=True,  # read to its end, which is that of both
        timeout=60,
    )
    assert ended.returncode == 3


def test_a_process_that_is_to_fork_is_left_by_the_thread_that_looks():
    before = threading.active_count()
    give_up = end_with_parent()
    assert threading.active_count() == before + 1
    give_up()
    assert threading.active_count() == before


def test_ctrl_c_is_heard_again_and_other_threads_leave_it_alone():
    before, heard = signal.getsignal(signal.SIGINT), []

    def ask():
        with deaf_to_interrupts():
            heard.append(signal.getsignal(signal.SIGINT))

    other = threading.Thread(target=ask)
    other.start()
    other.join()
    ask()
    assert heard == [before, signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) == before
