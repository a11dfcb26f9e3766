"""Commands in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

SERVER: ForkServerContext = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["fuzz.processes", "fuzz.imports"])


def start(
    words: list[str], output: Path, barrier: Any = None, umask: int = 0o022, temporary: str = ""
) -> ForkServerProcess:
    """Start a command that saves after every epoch.

    Args:
        words: the command.
        output: file for all that it prints.
        barrier: where it waits for others before it begins.
        umask: of its files.
        temporary: folder for temporary files.
    """
    arguments = (words, str(output), barrier, umask, temporary)
    process = SERVER.Process(target=_command, args=arguments)
    process.start()
    return process


def ended(process: ForkServerProcess, seconds: float = 120) -> int:
    """Exit code; a process that does not end is killed and gives -9."""
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return int(process.exitcode or 0)


def _command(words: list[str], output: str, barrier: Any, umask: int, temporary: str) -> None:
    import torch

    from forecast.cli.main import main
    from forecast.training import session
    from fuzz.material import without_pictures

    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.umask(umask)
    if temporary:
        os.environ["TMPDIR"], tempfile.tempdir = temporary, None  # which may be known already
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the server ignores it
    torch.set_num_threads(1)
    without_pictures()
    session.SAVE_EVERY = 0.0
    if barrier is not None:
        barrier.wait(60)
    sys.argv[1:] = words
    raise SystemExit(main())
