"""Files shared out to threads of this process: one is read or written while others are forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from forecast.batch.job import Finished, Forecaster
from forecast.runs.host import num_threads


def in_threads(forecaster: Forecaster, files: Sequence[str]) -> Iterator[Finished]:
    """Forecast files side by side, each on one thread; on other devices than CPUs one by one.

    Args:
        forecaster: the model.
        files: of its data.

    Yields:
        What came of each file, in their order.
    """
    threads = min(num_threads(), len(files)) if forecaster.is_on_cpu else 1
    if threads == 1:
        yield from map(forecaster, files)
        return
    pool = ThreadPoolExecutor(threads, "forecast", torch.set_num_threads, (1,))
    try:
        yield from pool.map(forecaster, files)
    finally:
        pool.shutdown(cancel_futures=True)
