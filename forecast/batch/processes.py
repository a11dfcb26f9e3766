"""Files shared out to processes of this machine, which end with the one that started them."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children

import torch

from forecast.batch.job import Finished, Forecaster, Job
from forecast.batch.starting import worker_context
from forecast.errors import DeviceError
from forecast.runs.host import num_threads
from forecast.runs.memory import claim_process
from forecast.runs.orphans import end_with_parent

FILES_AHEAD = 2
"""Files a process that wait for it, so that none is idle."""

_forecasters: list[Forecaster] = []
"""Of this process, if it is a worker."""


def in_processes(job: Job, files: Sequence[str], workers: int) -> Iterator[Finished]:
    """Forecast files by several processes, each with a model of its own.

    Args:
        job: what is forecast.
        files: of its data.
        workers: processes.

    Yields:
        What came of each file, whichever is ready first.

    Raises:
        DeviceError: if a process was killed.
    """
    threads = max(1, num_threads() // workers)
    pool = ProcessPoolExecutor(workers, worker_context(), _become_worker, (job, threads))
    others = {*active_children()}
    waiting: set[Future[Finished]] = set()
    try:
        for file in files:
            waiting.add(pool.submit(_forecast, file))
            if len(waiting) >= (1 + FILES_AHEAD) * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)
        pool.shutdown()
    except BrokenProcessPool:
        raise DeviceError(
            "a worker process was killed, perhaps for want of memory; lower --workers, and give the"
            " same command again to go on"
        ) from None
    finally:
        for child in {*active_children()} - others:
            child.terminate()
        pool.shutdown(cancel_futures=True)  # its thread waits for them: two waiting lose one's end


def _become_worker(job: Job, threads: int) -> None:
    """Load the model, and end when the process that asks for forecasts has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its children
    end_with_parent()
    claim_process()
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    _forecasters.append(Forecaster(job))


def _forecast(file: str) -> Finished:
    return _forecasters[0](file)
