"""Files shared out to threads of this process: one is read or written while another is forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from forecast.batch.job import Finished, Forecaster
from forecast.runs.host import num_threads

SIDE_BY_SIDE = 2
"""Files that are in memory at a time, however many threads there are."""


def in_threads(forecaster: Forecaster, files: Sequence[str]) -> Iterator[Finished]:
    """Forecast files side by side, each on its share of the threads; one by one if there is one
    thread, or another device than CPUs.

    Args:
        forecaster: the model.
        files: of its data.

    Yields:
        What came of each file, in their order.
    """
    threads = num_threads() if forecaster.is_on_cpu else 1
    if threads == 1 or len(files) == 1:
        yield from map(forecaster, files)
        return

    def forecast(file: str) -> Finished:
        torch.set_num_threads(-(-threads // SIDE_BY_SIDE))  # of this thread of Python alone
        return forecaster(file)

    pool = ThreadPoolExecutor(SIDE_BY_SIDE, "forecast")
    try:
        yield from pool.map(forecast, files)
    finally:
        pool.shutdown(cancel_futures=True)
