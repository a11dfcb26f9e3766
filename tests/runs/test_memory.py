"""The allocator is told to keep memory by the command line's own process, and by no library."""

import subprocess
import sys

import pytest

TRAINED = """
import ctypes, torch
from forecast.runs import memory
told = []
class Libc:
    malloc_trim = mallopt = lambda self, *numbers: told.append(numbers)
ctypes.CDLL = lambda _: Libc()
from forecast.training.workers import workers_for
for _ in range(3):
    with workers_for(torch.device("cpu")):
        pass
    print(told)
    memory.claim_process()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_glibc_is_told_once_and_only_by_a_process_that_is_ours():
    result = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True)
    told = [(0,), (-3, 2**30), (-1, 2**30)]
    assert result.stdout == f"[]\n{told}\n{told}\n", result.stderr
