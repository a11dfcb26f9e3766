"""The settings that a call of this package makes to its process, whatever it finds there.

Some settings of torch belong to a thread, others to the whole process. The latter are shared by all
calls that run at a time: the first one in states them, the last one out gives them back.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class _Setting:
    """A setting of the process that calls in several threads may need at the same time."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    ours: Any
    calls: int = 0
    before: Any = None
    """Of the program around us, while there are calls."""
    each_thread: threading.local | None = None
    """Of a setting that each thread has for itself: whether this one is within a call."""

    @contextlib.contextmanager
    def stated(self) -> Iterator[None]:
        """Ours within the block."""
        within = self.each_thread is not None and hasattr(self.each_thread, "own")
        with _locks.settings:
            found = self.read()
            if not self.calls:
                self.before = found
            if self.each_thread is not None and not within:
                # A thread that is new has begun with what another call has stated.
                self.each_thread.own = self.before if found == self.ours else found
            self.calls += 1
            self.write(self.ours)
        try:
            yield
        finally:
            with _locks.settings:
                self.calls -= 1
                if self.each_thread is not None and not within:
                    self.write(self.each_thread.own)
                    del self.each_thread.own
                elif not self.calls:
                    self.write(self.before)


class _Locks:
    """Held by threads, of which only one is left in a child process."""

    def __init__(self) -> None:
        self.settings = threading.RLock()
        self.training = threading.RLock()


_locks = _Locks()
os.register_at_fork(after_in_child=_locks.__init__)  # type: ignore[misc]


def _deterministic() -> tuple[bool, bool]:
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warns


def _set_deterministic(mode: tuple[bool, bool]) -> None:
    if mode != _deterministic():  # the first call imports a compiler, which takes seconds
        torch.use_deterministic_algorithms(mode[0], warn_only=mode[1])


THREADS = _Setting(torch.get_num_threads, torch.set_num_threads, 1, each_thread=threading.local())
"""Of each operation of torch. One: more would make the bytes of a result depend on their number,
and a process that has used more cannot be forked (the threads of OpenMP do not come with it)."""
DEFAULTS = (
    _Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    _Setting(_deterministic, _set_deterministic, (False, False)),
    _Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    _Setting(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda mode: torch.autograd.set_detect_anomaly(*mode),
        (False, True),
    ),
)


@contextlib.contextmanager
def own_state() -> Iterator[None]:
    """Compute by the settings of this package within the block, whatever the caller's are."""
    with contextlib.ExitStack() as stack:
        for setting in (THREADS, *DEFAULTS):
            stack.enter_context(setting.stated())
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":  # entering it slows every operation down
            stack.enter_context(torch.device("cpu"))
        yield


def num_threads() -> int:
    """Threads that the work of a call may be shared by: those that torch has of its caller."""
    return int(THREADS.before) if THREADS.calls else torch.get_num_threads()


@contextlib.contextmanager
def one_training() -> Iterator[None]:
    """Let trainings of several threads follow each other: each one takes all cores anyway."""
    with _locks.training:
        yield
