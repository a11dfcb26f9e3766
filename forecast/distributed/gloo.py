"""Tensors from process to process by gloo, over the CPU, so that GPUs of any maker can share them.

The classes of torch are used as they are, not by `init_process_group`, whose one group belongs to
the program around us (ray.train has made it before our code runs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from forecast.errors import ProcessLostError
from forecast.training.ranks import Ranks

LOOPBACK = "127.0.0.1"
MEETING = 3600.0
"""Seconds until all processes must be there."""


@dataclass(frozen=True)
class Gloo:
    """What is exchanged by some processes; see `forecast.training.ranks.Exchange`."""

    group: Any
    """A ProcessGroupGloo, of which the types of torch know little."""
    size: int
    seconds: float
    """After which a process that does not answer is taken for lost."""

    def all_gather(self, values: Tensor) -> list[Tensor]:
        """The values of every process, in the order of their ranks."""
        found = [torch.empty_like(values) for _ in range(self.size)]
        self._wait(lambda: self.group.allgather([found], [values]))
        return found

    def broadcast(self, values: Tensor) -> Tensor:
        """The values of rank 0."""
        self._wait(lambda: self.group.broadcast(values, 0))
        return values

    def _wait(self, begin: Callable[[], Any]) -> None:
        try:
            begin().wait()
        except RuntimeError as error:  # of a connection that was closed, or of the time
            raise ProcessLostError(
                f"a process of the training has ended, or has not answered for {self.seconds:g} s"
            ) from error


def connected(
    store: Any,
    rank: int,
    size: int,
    seconds: float,
    meeting: float = MEETING,
    is_local: bool = False,
) -> Ranks:
    """This process, in touch with the others.

    Args:
        store: where all find each other, one of torch.distributed.
        rank, size: number of this process, from 0, and of all.
        seconds: that any of them may keep the others waiting.
        meeting: seconds until all are there; the others may have a table to read before.
        is_local: whether all are on this machine: they then listen to nobody else.

    Raises:
        ProcessLostError: if the others are not there in time.
    """
    from torch._C._distributed_c10d import ProcessGroupGloo  # not every torch has it

    kind: Any = ProcessGroupGloo
    options = kind._Options()
    options._devices = [
        kind.create_device(hostname=LOOPBACK) if is_local else kind.create_default_device()
    ]
    options._timeout = timedelta(seconds=meeting)
    store.set_timeout(options._timeout)
    try:
        group = kind(store, rank, size, options)
    except RuntimeError as error:
        raise ProcessLostError(
            f"the {size} processes of the training have not met within {meeting:g} s"
        ) from error
    group.set_timeout(timedelta(seconds=seconds))
    return Ranks(rank, size, Gloo(group, size, seconds))


def broadcast_bytes(ranks: Ranks, data: bytes) -> bytes:
    """Bytes of rank 0, in every process.

    Args:
        ranks: this process among the others.
        data: what rank 0 tells; of others nothing is asked.
    """
    if ranks.exchange is None:
        return data
    length = int(ranks.broadcast(float(len(data))))
    own = bytearray(data) if ranks.is_first else bytearray(length)
    if not length:
        return b""
    return bytes(ranks.exchange.broadcast(torch.frombuffer(own, dtype=torch.uint8)).numpy())
