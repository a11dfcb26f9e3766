"""Worker processes begin while the command imports what it needs itself."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from unittest import mock

from forecast.batch import starting

CODE = """
import forecast.cli.predict, sys
assert not {"torch", "pandas", "numpy", "pyarrow"} & {*sys.modules}
"""


def test_nothing_heavy_is_imported_before_workers_begin():
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=250)


def test_a_process_that_begins_early_does_not_hear_ctrl_c():
    heard = []
    with mock.patch.object(starting.forkserver, "ensure_running") as begun:
        begun.side_effect = lambda: heard.append(signal.getsignal(signal.SIGINT))
        before = signal.getsignal(signal.SIGINT)
        starting.begin_early()
    assert heard == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) == before
    assert find_spec(starting.WORKER)
