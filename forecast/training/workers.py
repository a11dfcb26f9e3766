"""Work that CPU threads of one core each share, without waiting for one another within a step.

PyTorch shares out the inside of every operation instead: its threads meet thousands of times a
step, which is slow on a busy machine, and their number changes the bytes of a result. Here it does
not (benchmarks/RESULTS.md, "Chunks").
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from forecast.runs.host import THREADS, num_threads
from forecast.runs.memory import keep_freed_memory
from forecast.training.ranks import ONE_PROCESS, Ranks

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_AHEAD = 2
"""Items a thread that are begun before the first result is asked for."""


@dataclass
class _Job(Generic[Item, Result]):
    """An item, and its result as soon as a thread has made it."""

    item: Item
    future: Future[Result]


@dataclass(frozen=True)
class Workers:
    """Threads that help the caller, or none, and other processes; see `workers_for`."""

    executor: ThreadPoolExecutor | None = None
    threads: int = 1
    """The caller among them."""
    ranks: Ranks = ONE_PROCESS
    """The processes that share the chunks of a batch."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply a function to items, side by side.

        Args:
            function: called by any thread.
            items: taken one by one by the caller, a few ahead of the results.

        Yields:
            The results in the order of the items, whichever is ready first.
        """
        if self.executor is None:
            yield from map(function, items)
            return
        waiting: deque[_Job[Item, Result]] = deque()
        for item in items:
            waiting.append(_Job(item, self.executor.submit(function, item)))
            if len(waiting) > ITEMS_AHEAD * self.threads:
                yield _oldest(function, waiting)
        while waiting:
            yield _oldest(function, waiting)


def _oldest(function: Callable[[Item], Result], waiting: deque[_Job[Item, Result]]) -> Result:
    """The oldest result; until it is ready, the caller does jobs that no thread has begun.

    A job that can still be cancelled has not been begun: it leaves the queue of the threads, and
    the caller makes its result. When all are begun, there is nothing to do but to wait.
    """
    while not waiting[0].future.done():
        job = next((job for job in waiting if job.future.cancel()), None)
        if job is None:
            break
        job.future = Future()
        try:
            job.future.set_result(function(job.item))
        except Exception as error:  # raised when its result is asked for
            job.future.set_exception(error)
    return waiting.popleft().future.result()


ALONE = Workers()
"""No threads and no processes: everything is done by the caller."""


@contextlib.contextmanager
def workers_for(device: torch.device, ranks: Ranks = ONE_PROCESS) -> Iterator[Workers]:
    """As many threads as torch has on the CPU, each on one core; within the block torch has one.

    The caller is one of the threads, because it takes time to wake another one. On other devices
    nothing is shared out among threads.

    Args:
        device: what computes.
        ranks: the processes of the training.
    """
    keep_freed_memory()
    threads = num_threads() if device.type == "cpu" else 1
    if threads == 1:
        yield Workers(ranks=ranks)
        return
    with THREADS.stated():
        executor = ThreadPoolExecutor(threads - 1, "forecast", torch.set_num_threads, (1,))
        try:
            yield Workers(executor, threads, ranks)
        finally:
            executor.shutdown(cancel_futures=True)
