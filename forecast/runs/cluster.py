"""A Ray cluster, for as long as something runs on it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from forecast.errors import ConfigError, DeviceError, extra_missing

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""What the environment gets where it does not say otherwise: nobody is told of the use."""
LONGEST_REASON = 200
LOOK_EVERY = 1.0
"""Seconds between two looks whether a cluster is still there."""
SECONDS_WITHOUT_HEAD = 30.0
"""Of its head, which may begin anew; Ray itself ends this process after 60, without a word."""


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


class Heartbeat:
    """Whether the two processes of a cluster that this one needs answer: its raylet and the head.

    Ray ends a process that has lost one of them, by itself and without a line that says so.
    """

    def __init__(self, ray: Any) -> None:
        """Learn where they are; those behind a gateway, where nothing answers, are left alone."""
        context = ray.get_runtime_context()
        here = next(each for each in ray.nodes() if each["NodeID"] == context.get_node_id())
        raylet = (here["NodeManagerAddress"], here["NodeManagerPort"])
        head, port = context.gcs_address.rsplit(":", 1)
        patience = {raylet: 0.0, (head, int(port)): SECONDS_WITHOUT_HEAD}
        self.patience = {place: most for place, most in patience.items() if not _refuses(place)}
        self.heard = dict.fromkeys(self.patience, time.monotonic())

    def require(self) -> None:
        """Look after both.

        Raises:
            DeviceError: if one is gone.
        """
        for place, most in self.patience.items():
            now = time.monotonic()
            if not _refuses(place):
                self.heard[place] = now
            elif now - self.heard[place] > most:
                raise DeviceError(
                    f"the cluster is lost: nothing answers at {place[0]}:{place[1]} any more; look"
                    " after it, and give the same command again to go on"
                ) from None


def _refuses(place: tuple[str, int]) -> bool:
    """Whether nobody listens any more at an address; one that is slow may be busy."""
    try:
        socket.create_connection(place, timeout=LOOK_EVERY).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """What SIGTERM means stays what it was: to Ray it is a fault, told with addresses of code."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may ask for signals
            signal.signal(signal.SIGTERM, before)
