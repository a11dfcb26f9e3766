"""Files shared out to the machines of a Ray cluster, which see the same folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from forecast.batch.job import Finished, Forecaster, Job
from forecast.errors import DeviceError
from forecast.runs.cluster import LOOK_EVERY, Heartbeat

SECOND_TRY = {"max_restarts": -1, "max_task_retries": 1}
"""For Ray: an actor that is gone begins anew, with the file that it had; a file that ends two has
none, for what takes up too much memory does so every time."""


def on_ray(job: Job, files: Sequence[str], workers: int | None) -> Iterator[Finished]:
    """Forecast files by actors of the cluster of `connected`, each with a model of its own.

    Args:
        job: what is forecast; its paths mean the same on every machine.
        files: of its data.
        workers: actors; None: one for each CPU of the cluster.

    Yields:
        What came of each file, whichever is ready first.

    Raises:
        DeviceError: if a file has lost its actor twice, or the cluster is gone.
    """
    ray: Any = import_module("ray")
    pools: Any = import_module("ray.util")
    actor = ray.remote(num_cpus=1, **SECOND_TRY)(_Actor)
    number = min(len(files), workers or int(ray.cluster_resources().get("CPU", 1)))
    pool, heartbeat = pools.ActorPool([actor.remote(job) for _ in range(number)]), Heartbeat(ray)
    try:
        for file in files:
            pool.submit(lambda each, file: each.forecast.remote(file), file)
        while pool.has_next():
            try:
                yield pool.get_next_unordered(timeout=LOOK_EVERY)
            except ray.exceptions.RayTaskError:  # which is a TimeoutError, too, if its cause is one
                raise
            except TimeoutError:
                heartbeat.require()
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError:
        raise DeviceError(
            "workers of the cluster were lost again and again, perhaps for want of memory; look"
            " after the cluster or lower --workers, and give the same command again to go on"
        ) from None


class _Actor:
    """A forecaster in a process of the cluster."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @cached_property
    def _forecaster(self) -> Forecaster:  # not before the first file, which may say what is wrong
        return Forecaster(self.job)

    def forecast(self, file: str) -> Finished:
        """What comes of a file."""
        return self._forecaster(file)
