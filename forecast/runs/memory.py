"""A process that is ours alone, as the command line's is, and its memory allocator."""

from __future__ import annotations

import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's options."""
KEPT = 2**30
"""Bytes up to which glibc keeps what was freed."""

_process_is_ours = False


def claim_process() -> None:
    """Say that the whole process is ours; a library must not change its host's allocator."""
    global _process_is_ours
    _process_is_ours = True


def is_ours() -> bool:
    """Whether the whole process is ours."""
    return _process_is_ours


def keep_freed_memory() -> None:
    """Let glibc keep the memory of one training step for the next, if the process is ours.

    By default glibc gives pages back to the system as soon as they are free, and every step pays
    for new ones: up to a third of its time (benchmarks/RESULTS.md, "Chunks"). Other systems and
    allocators are left as they are.
    """
    if _process_is_ours and sys.platform == "linux":
        _tell_glibc()


def give_back_freed_memory() -> None:
    """Give the system what is free, if the process is ours: small holes of many tables add up."""
    if _process_is_ours and sys.platform == "linux":
        import ctypes

        import pyarrow

        pyarrow.default_memory_pool().release_unused()
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)


@functools.cache
def _tell_glibc() -> None:
    import ctypes  # not at the top: `forecast --help` imports this file

    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.malloc_trim(0)  # what reading a table has left in many small holes goes back first
        libc.mallopt(M_MMAP_THRESHOLD, KEPT)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
