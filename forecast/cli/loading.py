"""A heavy package that a command needs later, imported in a thread while it reads a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module


@contextlib.contextmanager
def imported_meanwhile(package: str) -> Iterator[None]:
    """Import a package while the block runs; it is there after the block.

    Reading leaves Python to others for long enough to take a third of `import torch`.

    Args:
        package: one that imports nothing of ours, so that no two threads wait for each other.
    """
    with ThreadPoolExecutor(1) as pool:  # a failed import is told by the one that follows
        pool.submit(import_module, package)
        yield
