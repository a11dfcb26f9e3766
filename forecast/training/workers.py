"""Work dealt to CPU threads of one core each, which never wait for one another within a step.

PyTorch shares out the inside of every operation instead, and small layers then mostly wait: two
threads with half a batch each are up to three times as fast (benchmarks/RESULTS.md, "Chunks").
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

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
