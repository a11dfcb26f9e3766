"""The place of a process among those that torchrun or ray.train has started, by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from forecast.errors import ConfigError, shown

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
LONG = timedelta(days=7)
"""Others wait so long for rank 0, which may have much to read; they end when it does."""


class Place(NamedTuple):
    """Number of a process and of all, in the training and on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def own_place(variables: Mapping[str, str] = os.environ) -> Place:
    """The place of this process; alone where nobody has said otherwise.

    Raises:
        ConfigError: for variables that make no sense.
    """
    if not all(variables.get(name) for name in ("RANK", "WORLD_SIZE", *ADDRESS)):
        return Place()
    given = {"LOCAL_RANK": variables["RANK"], "LOCAL_WORLD_SIZE": variables["WORLD_SIZE"]}
    found = {**given, **variables}
    for name in NAMES:
        if not (found[name].isascii() and found[name].isdigit()):
            raise ConfigError(f"{name}={shown(found[name])} is no number; take it away")
    place = Place(*(int(found[name]) for name in NAMES))
    if not (place.rank < place.size and place.local_rank < place.local_size):
        raise ConfigError(
            f"RANK={place.rank} does not fit WORLD_SIZE={place.size}; take both away, or start"
            " the processes by torchrun"
        )
    return place


def num_restarts() -> str:
    """How often torchrun has started the processes anew, after one of them failed."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")


def store_of(place: Place) -> Any:
    """Where the processes find each other: at MASTER_ADDR and MASTER_PORT.

    The store outlives them: those that are started anew see nothing of the addresses and the work
    of those before.

    Raises:
        ConfigError: if there is nobody.
    """
    from torch._C._distributed_c10d import PrefixStore  # not every torch has it
    from torch.distributed.rendezvous import rendezvous

    try:
        store, _, _ = next(rendezvous("env://", place.rank, place.size, timeout=LONG))
    except (RuntimeError, ValueError) as error:
        where = ":".join(os.environ[name] for name in ADDRESS)
        raise ConfigError(f"{where}: the processes of the training do not meet there") from error
    return PrefixStore(f"forecast/{num_restarts()}", store)


def file_store(path: str, size: int) -> Any:
    """Where processes of one machine find each other: a file in a folder that is theirs alone."""
    from torch._C._distributed_c10d import FileStore

    return FileStore(path, size)
