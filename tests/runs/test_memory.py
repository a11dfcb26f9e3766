"""The allocator is told to keep memory by the command line's own process, and by no library."""

import subprocess
import sys

import pytest

TRAINED = """
import ctypes, torch
from forecast.runs import memory
{claim}
told = []
class Libc:
    malloc_trim = mallopt = lambda self, *numbers: told.append(numbers)
ctypes.CDLL = lambda _: Libc()
from forecast.training.workers import workers_for
for _ in range(2):
    with workers_for(torch.device("cpu")):
        pass
print(told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
@pytest.mark.parametrize(
    ("claim", "told"), [("", []), ("memory.claim_process()", [(0,), (-3, 2**30), (-1, 2**30)])]
)
def test_glibc_is_told_once_and_only_by_a_process_that_is_ours(claim, told):
    code = TRAINED.format(claim=claim)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == str(told), result.stderr
