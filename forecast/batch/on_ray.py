"""Files shared out to the machines of a Ray cluster, which see the same folders."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from forecast.batch.job import Finished, Forecaster, Job
from forecast.errors import ConfigError, extra_missing


@contextlib.contextmanager
def cluster_at(address: str | None) -> Iterator[None]:
    """Connected to a cluster within the block; without an address to none.

    Raises:
        ConfigError: if Ray is not installed, or there is no cluster.
    """
    if address is None:
        yield
        return
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise extra_missing("--ray", "ray", "ray") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # it has many, and some are no more than that
        raise ConfigError(f"--ray {address}: {error}; check the address") from None
    try:
        yield
    finally:
        ray.shutdown()


def on_ray(job: Job, files: Sequence[str], workers: int | None) -> Iterator[Finished]:
    """Forecast files by actors of the cluster of `cluster_at`, each with a model of its own.

    Args:
        job: what is forecast; its paths mean the same on every machine.
        files: of its data.
        workers: actors; None: one for each CPU of the cluster.

    Yields:
        What came of each file, whichever is ready first.
    """
    ray: Any = import_module("ray")
    pools: Any = import_module("ray.util")
    actor = ray.remote(num_cpus=1)(_Actor)
    number = min(len(files), workers or int(ray.cluster_resources().get("CPU", 1)))
    pool = pools.ActorPool([actor.remote(job) for _ in range(number)])
    yield from pool.map_unordered(lambda each, file: each.forecast.remote(file), [*files])


class _Actor:
    """A forecaster in a process of the cluster."""

    def __init__(self, job: Job) -> None:
        self.forecaster = Forecaster(job)

    def forecast(self, file: str) -> Finished:
        """What comes of a file."""
        return self.forecaster(file)
