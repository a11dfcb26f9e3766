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
from typing import Generic, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT = -1, -3, 2**30
"""Numbers of glibc's options, and bytes up to which it keeps what was freed."""
AHEAD = 2
"""Items a thread that are begun before the first result is asked for."""


@dataclass
class _Task(Generic[Item, Result]):
    """An item, and its result as soon as somebody has made it."""

    item: Item
    future: Future[Result]


@dataclass(frozen=True)
class Workers:
    """Threads that help the caller, or none; see `workers_for`."""

    executor: ThreadPoolExecutor | None = None
    threads: int = 1
    """The caller among them."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of the items, whoever is done first; few are held at a time."""
        if self.executor is None:
            yield from map(function, items)
            return
        waiting: deque[_Task[Item, Result]] = deque()
        for item in items:
            waiting.append(_Task(item, self.executor.submit(function, item)))
            if len(waiting) > AHEAD * self.threads:
                yield _oldest(function, waiting)
        while waiting:
            yield _oldest(function, waiting)


def _oldest(function: Callable[[Item], Result], waiting: deque[_Task[Item, Result]]) -> Result:
    """The oldest result; until it is there the caller does what nobody has begun."""
    while not waiting[0].future.done():
        task = next((task for task in waiting if task.future.cancel()), None)
        if task is None:
            break
        task.future = Future()
        try:
            task.future.set_result(function(task.item))
        except Exception as error:  # raised when it is its turn
            task.future.set_exception(error)
    return waiting.popleft().future.result()


ALONE = Workers()
"""No threads: everything is done by the caller."""


@contextlib.contextmanager
def workers_for(device: torch.device) -> Iterator[Workers]:
    """As many threads as torch has on the CPU, each on one core; within the block torch has one.

    The caller is one of them, for to wake another one takes a while.

    On other devices nothing is shared out.
    """
    _keep_freed_memory()
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    if threads == 1:
        yield ALONE
        return
    torch.set_num_threads(1)
    executor = ThreadPoolExecutor(threads - 1, "forecast", torch.set_num_threads, (1,))
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
