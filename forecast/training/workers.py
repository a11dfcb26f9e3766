"""Work dealt to CPU threads of one core each, which never wait for one another within a step.

PyTorch shares out the inside of every operation instead: its threads meet thousands of times a
step, which is slow on a busy machine, and their number changes the bytes of a result. Here it does
not (benchmarks/RESULTS.md, "Chunks").
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT = -1, -3, 2**30
"""Numbers of glibc's options, and bytes up to which it keeps what was freed."""
AHEAD = 2
"""Items a thread that are begun before the first result is asked for."""


@dataclass(frozen=True)
class Workers:
    """Threads, or none; see `workers_for`."""

    executor: ThreadPoolExecutor | None = None
    threads: int = 1

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of the items, whoever is done first; few are held at a time."""
        if self.executor is None:
            yield from map(function, items)
            return
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(self.executor.submit(function, item))
            if len(waiting) > AHEAD * self.threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


ALONE = Workers()
"""No threads: everything is done by the caller."""


@contextlib.contextmanager
def workers_for(device: torch.device) -> Iterator[Workers]:
    """As many threads as torch has on the CPU, each on one core; within the block torch has one.

    On other devices nothing is shared out.
    """
    _keep_freed_memory()
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    if threads == 1:
        yield ALONE
        return
    torch.set_num_threads(1)
    executor = ThreadPoolExecutor(threads, "forecast", torch.set_num_threads, (1,))
    try:
        yield Workers(executor, threads)
    finally:
        executor.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


@functools.cache
def _keep_freed_memory() -> None:
    """Let glibc keep the memory of one step for the next.

    By default it gives pages back to the system as soon as they are free, and every step pays for
    new ones: up to a third of its time (benchmarks/RESULTS.md, "Chunks"). What reading a table has
    left between other things goes back first. Other systems and allocators are left as they are.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.malloc_trim(0)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
