"""A process that computes a share of a training and writes nothing: every rank but 0."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

import torch

from forecast.distributed.environment import LONG, Place, file_store, store_of
from forecast.distributed.gloo import connected
from forecast.distributed.helpers import LOST
from forecast.distributed.work import prepared_by, take_part
from forecast.errors import ForecastError, ProcessLostError, one_line
from forecast.runs.log import silenced
from forecast.runs.memory import claim_process
from forecast.training.device import device_of


def help_started(place: Place, seconds: float) -> None:
    """Take part as a process that torchrun or ray.train has started; rank 0 leaves the work.

    Args:
        place: of this process.
        seconds: after which a process that does not answer is taken for lost.

    Raises:
        ForecastError: if rank 0, or another, is lost.
    """
    with silenced():
        if threading.current_thread() is threading.main_thread():  # ray.train's is another
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # there is nothing to save
        store = store_of(place)
        store.set_timeout(LONG)
        try:
            work = store.get("work").decode()
        except RuntimeError as error:
            raise ProcessLostError("rank 0 has ended before the training began") from error
        prepared = prepared_by(work)
        device = device_of(prepared.config.device, place.local_rank, place.local_size)
        take_part(prepared, connected(store, place.rank, place.size, seconds), device)


def main() -> int:
    """Take part as a process that `Helpers` has started: one line of standard input says in what.

    Returns:
        The exit code; what is to be said stands in one line on stderr.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # rank 0 ends, and so do we
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    claim_process()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    threading.Thread(target=_end_with_rank_0, daemon=True).start()
    told = json.loads(line)
    rank, size = told["rank"], told["size"]
    try:
        with silenced():
            prepared = prepared_by(told["work"])
            device = device_of(prepared.config.device, rank, size)
            print("ready", flush=True)
            store = file_store(told["store"], size)
            take_part(
                prepared, connected(store, rank, size, told["seconds"], is_local=True), device
            )
    except ProcessLostError:  # rank 0 has missed it, too, and knows more
        return LOST
    except ForecastError as error:
        print(one_line(str(error)), file=sys.stderr)
        return error.exit_code
    except (MemoryError, torch.OutOfMemoryError):
        print("out of memory; lower training.batch_size or model.hidden_size", file=sys.stderr)
        return 4
    return 0


def _end_with_rank_0() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
