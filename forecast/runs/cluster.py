"""A Ray cluster, for as long as something runs on it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from forecast.errors import ConfigError, extra_missing

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""What the environment gets where it does not say otherwise: nobody is told of the use."""
LONGEST_REASON = 200


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module of Ray, connected to a cluster, which is left at the end.

    Meanwhile nothing goes to stdout, where Ray would tell what died, between the results.

    Args:
        address: as `ray.init` takes it; `auto`; `local` begins a cluster on this machine.

    Raises:
        ConfigError: if Ray is not installed, or no cluster answers.
    """
    os.environ.update({name: os.environ.get(name, to) for name, to in SETTINGS.items()})
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise extra_missing("--ray", "ray", "ray") from None
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            with _own_sigterm():
                ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
        except Exception as error:  # it has many, and some are no more than that
            reason = " ".join(str(error).split())[:LONGEST_REASON]
            raise ConfigError(
                f"--ray {address}: no cluster answers ({reason}); check the address"
            ) from None
        try:
            yield ray
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """What SIGTERM means stays what it was: to Ray it is a fault, told with addresses of code."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may ask for signals
            signal.signal(signal.SIGTERM, before)
