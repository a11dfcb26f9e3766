"""The allocator is told to keep memory by the command line's own process, and by no library."""

import sys

import pytest
import torch

from forecast.runs import memory
from forecast.training.workers import workers_for


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_glibc_is_told_once_and_only_by_a_process_that_is_ours(monkeypatch):
    told, after = [], []

    class Libc:
        malloc_trim = mallopt = lambda self, *numbers: told.append(numbers)

    monkeypatch.setattr("ctypes.CDLL", lambda _: Libc())
    monkeypatch.setattr(memory, "_process_is_ours", False)
    memory._tell_glibc.cache_clear()
    for _ in range(3):
        with workers_for(torch.device("cpu")):
            after.append([*told])
        memory.claim_process()
    once = [(0,), (-3, 2**30), (-1, 2**30)]
    assert after == [[], once, once]
