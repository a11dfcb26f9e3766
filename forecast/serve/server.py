"""The process of the service: two listeners, the threads behind them, and a clean shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from forecast.errors import ConfigError
from forecast.serve.app import OWN_NAMES, Service, app_of
from forecast.serve.health import health_app
from forecast.serve.limits import Limits
from forecast.serve.protocol import bounded_protocol

log = logging.getLogger("forecast")

LEAST_TOKEN = 16
"""Characters."""


class Server(uvicorn.Server):
    """A server that leaves the signals of its process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: see `serve`."""
        yield


def serve(service: Service, listener: socket.socket, health: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is there, within 10 seconds.

    Args:
        service: with its models.
        listener, health: bound sockets of the service and of its health.
    """
    ends = threading.Event()
    watcher = threading.Thread(target=service.models.watch, args=(ends,), daemon=True)
    is_alive = service.batcher.thread.is_alive
    watched = health_app(service.metrics, is_alive, lambda: not service.is_ending)
    side = server_of(watched, service.limits)
    beside = threading.Thread(
        target=lambda: asyncio.run(side.serve([health])), name="health", daemon=True
    )
    for thread in (service.batcher.thread, watcher, beside):
        thread.start()
    try:
        asyncio.run(_until_told(service, listener))
    finally:
        ends.set()
        service.batcher.end()
        side.should_exit = True
        beside.join(timeout=1.0)


async def _until_told(service: Service, listener: socket.socket) -> None:
    main = server_of(app_of(service), service.limits)

    def end() -> None:
        if not service.is_ending:
            log.info("ending: %d requests are answered first", service.room.requests)
        service.is_ending = main.should_exit = True

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, end)
    await main.serve([listener])


def server_of(app: Any, limits: Limits) -> Server:
    """A server of some routes, within the limits."""
    return Server(
        uvicorn.Config(
            app,
            http=bounded_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(limits.idle_seconds),
            timeout_graceful_shutdown=int(limits.drain_seconds),
            h11_max_incomplete_event_size=limits.header_bytes,
        )
    )


def bound(host: str, port: int, option: str) -> socket.socket:
    """A socket that listens at an address.

    Args:
        host, port: of the address; port 0: any that is free.
        option: that names the port, for the message.

    Raises:
        ConfigError: if it cannot be had.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"{option} {port} is not allowed; give a port from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{host}:{port} cannot be listened at: {reason}; give another --host or {option}"
        ) from None
    # Its connections have it from it. asyncio does not see that they are of TCP, and a body would
    # wait 40 ms behind its headers until these are acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def token_in(path: str) -> str:
    """The token in a file.

    Raises:
        ConfigError: if there is none, or it is short.
    """
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "holds no ASCII text"
        raise ConfigError(f"--token-file {path}: {reason}; write the token into it") from None
    if len(token) < LEAST_TOKEN or not token.isprintable() or " " in token:
        raise ConfigError(
            f"--token-file {path}: holds no token of {LEAST_TOKEN} characters or more; write one,"
            " e.g. openssl rand -hex 32"
        )
    return token


def own_names(host: str, has_token: bool) -> tuple[str, ...] | None:
    """Names by which a service may be called: any, unless it is for this machine alone."""
    return OWN_NAMES if is_loopback(host) and not has_token else None


def is_loopback(host: str) -> bool:
    """Whether an address leads to this machine alone."""
    return host == "localhost" or host == "::1" or host.startswith("127.")
