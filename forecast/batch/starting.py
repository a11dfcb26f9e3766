"""How worker processes begin; imports nothing heavy, so that they may begin before the command."""

from __future__ import annotations

from multiprocessing import forkserver, get_all_start_methods, get_context
from multiprocessing.context import BaseContext

from forecast.runs.orphans import deaf_to_interrupts

WORKER = "forecast.batch.preloaded"
"""The module that imports all that they need."""


def worker_context() -> BaseContext:
    """They are forks of a process that has imported all there is, which takes seconds, and has done
    nothing: threads of torch do not survive a fork. Where there are none, they are started anew."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([WORKER])
    return context


def begin_early() -> None:
    """Let the process that workers will be forks of import what it needs, while this one does."""
    if worker_context().get_start_method() == "forkserver":
        with deaf_to_interrupts():
            forkserver.ensure_running()
