"""The processes of one training, and a sum over chunks that is the same for any number of them.

Floating-point sums depend on their order. So the results of the chunks of a batch are the leaves of
a tree whose shape follows from their number alone; each process adds up the nodes that lie within
its share, all get the nodes of all, and each adds up what is above them. DistributedDataParallel
would add in an order that depends on the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from forecast.errors import ConfigError

Parts = tuple[Tensor, ...] | list[Tensor]
"""Tensors that are added up one by one, e.g. a loss and the gradient of each weight."""


class Node(NamedTuple):
    """The sum over a run of chunks; the run is as long as a power of two, and begins at a multiple
    of that."""

    first: int
    length: int
    parts: Parts


@runtime_checkable
class Exchange(Protocol):
    """How tensors get from process to process."""

    def all_gather(self, values: Tensor) -> list[Tensor]:
        """The values of every process, in the order of their ranks; on the CPU, of one shape."""

    def broadcast(self, values: Tensor) -> Tensor:
        """The values of rank 0."""


class Ranks(NamedTuple):
    """This process among those of a training; see `distributed/`."""

    rank: int = 0
    size: int = 1
    exchange: Exchange | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes, locks, tells and decides."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of some chunks this process computes; a single one is computed by all."""
        return range(count) if count == 1 else _share(count, self.rank, self.size)

    def broadcast(self, value: float) -> float:
        """What rank 0 has measured or decided."""
        if self.exchange is None:
            return value
        return float(self.exchange.broadcast(torch.tensor([value], dtype=torch.float64)))

    def sum(self, results: Iterable[Parts], count: int, like: Parts) -> Parts:
        """The sum over all chunks, the same bytes in every process and for any number of them.

        Args:
            results: of the chunks in this process's share, in their order.
            count: chunks in all, at least one.
            like: tensors of the shapes and types of a result; floating point, all of one type.
        """
        first = self.share(count).start
        nodes = reduced(Node(first + place, 1, each) for place, each in enumerate(results))
        if self.exchange is not None and count > 1:  # a single chunk was computed by all
            nodes = reduced(self._of_all(nodes, count, like))
        total = nodes.pop().parts
        while nodes:  # what is left at the right end, which is no full power of two
            total = torch._foreach_add(nodes.pop().parts, total)
        return total

    def require_same(self, parts: Parts) -> None:
        """Refuse tensors that have not the same bytes in all processes.

        Raises:
            ConfigError: what the machines compute differs, so each would train a model of its own.
        """
        if self.exchange is None:
            return
        digest = torch.stack([part.detach().double().sum().cpu() for part in parts])
        if not all(each.equal(digest) or each.isnan().any() for each in self._gathered(digest)):
            raise ConfigError(
                "the processes of the training have come to different weights: their machines"
                " compute differently; train on machines of one kind"
            )

    def _gathered(self, values: Tensor) -> list[Tensor]:
        assert self.exchange is not None
        return self.exchange.all_gather(values)

    def _of_all(self, nodes: Sequence[Node], count: int, like: Parts) -> list[Node]:
        """The nodes of all processes, from left to right: their runs are known, the sums come."""
        runs = [_nodes_of(_share(count, rank, self.size)) for rank in range(self.size)]
        rows = torch.zeros(max(map(len, runs)), sum(part.numel() for part in like))
        for place, node in enumerate(nodes):
            rows[place] = torch.cat([part.reshape(-1) for part in node.parts])
        return [
            Node(first, length, _apart(row, like))
            for of_rank, found in zip(runs, self._gathered(rows), strict=True)
            for (first, length), row in zip(of_rank, found, strict=False)
        ]


ONE_PROCESS = Ranks()
"""Nobody beside this one."""


def reduced(nodes: Iterable[Node]) -> list[Node]:
    """Nodes from left to right, with every two added up that are the halves of one."""
    done: list[Node] = []
    for node in nodes:
        while done and done[-1].length == node.length and done[-1].first % (2 * node.length) == 0:
            left = done.pop()
            both = torch._foreach_add(left.parts, node.parts)
            node = Node(left.first, 2 * node.length, both)
        done.append(node)
    return done


def _share(count: int, rank: int, size: int) -> range:
    return range(count * rank // size, count * (rank + 1) // size)


def _nodes_of(chunks: range) -> list[tuple[int, int]]:
    """First chunk and length of the nodes that `reduced` makes of some chunks."""
    found, first = [], chunks.start
    while first < chunks.stop:
        length = 1
        while first % (2 * length) == 0 and first + 2 * length <= chunks.stop:
            length *= 2
        found.append((first, length))
        first += length
    return found


def _apart(row: Float[Tensor, " P"], like: Parts) -> Parts:
    pieces = row.split([part.numel() for part in like])
    return [
        piece.view(part.shape).to(part.device) for piece, part in zip(pieces, like, strict=True)
    ]
