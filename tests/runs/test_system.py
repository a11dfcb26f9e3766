"""What systems do differently, where it can be seen on this one."""

import subprocess
import sys

from forecast.runs.system import read_start, write_start

WITHOUT = """
import os, signal, sys
sys.modules["fcntl"] = None
del signal.SIGHUP
for name in ("O_NOFOLLOW", "O_NONBLOCK", "pread", "pwrite", "fchmod", "umask"):
    delattr(os, name)
from pathlib import Path
import forecast.cli.main, forecast.runs.lock, forecast.tables.table
from forecast.runs.files import append, write_atomically
write_atomically(Path(sys.argv[1]) / "a", "one\\n")
append(Path(sys.argv[1]) / "a", "two\\n")
sys.exit(forecast.cli.main.main(["--version"]))
"""


def test_start_of_a_file_is_written_and_read_whatever_was_read_before(tmp_path):
    with open(tmp_path / "a", "w+b", buffering=0) as file:
        file.write(b"12345")
        write_start(file.fileno(), b"ab")
        assert read_start(file.fileno(), 3) == b"ab3"
        assert read_start(file.fileno(), 99) == b"ab345"


def test_files_are_written_where_a_system_has_neither_its_locks_nor_its_signals(tmp_path):
    command = [sys.executable, "-c", WITHOUT.replace("\\\\", "\\"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("forecast ")
    assert (tmp_path / "a").read_text() == "one\ntwo\n"
