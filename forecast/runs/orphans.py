"""Processes that end with the one that started them, and not by Ctrl-C, from their first line on.

What they need takes seconds to import, on a busy machine many: so they look after their parent
before that. This module imports nothing heavy.

    python -m forecast.runs.orphans MODULE      runs its `main`
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from multiprocessing import parent_process
from typing import Any

LOOK_EVERY = 0.5
"""Seconds between two looks who the parent is."""


def end_with_parent() -> Callable[[], None]:
    """End this process as soon as its parent has ended.

    Returns:
        A function that gives it up, for a process that is to fork.
    """
    stop = threading.Event()
    watch = threading.Thread(target=_end, args=(os.getppid(), stop), daemon=True)
    watch.start()

    def give_up() -> None:
        stop.set()
        watch.join()

    return give_up


def call(module: str, name: str, *given: Any) -> Any:
    """Call a function of a module that is imported under the eyes of `end_with_parent`."""
    end_with_parent()
    return getattr(import_module(module), name)(*given)


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """What is started meanwhile never hears of Ctrl-C, which is for this process alone."""
    if threading.current_thread() is not threading.main_thread():  # it may not say what signals do
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(pid: int, stop: threading.Event) -> None:
    parent = parent_process()
    if parent is not None:  # which may have given the work to a process that forks
        parent.join()
        os._exit(1)
    while not stop.wait(LOOK_EVERY):
        if os.getppid() != pid:  # never so on Windows
            os._exit(1)


if __name__ == "__main__":
    sys.exit(call(sys.argv[1], "main"))
