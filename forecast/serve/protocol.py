"""HTTP by uvicorn with the limits that it lacks: connections, time of headers and of requests."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from forecast.serve.limits import Limits


def bounded_protocol(limits: Limits) -> type[H11Protocol]:
    """The protocol of connections that are closed when they take too long, or are one too many."""
    return type("BoundedProtocol", (_BoundedProtocol,), {"limits": limits})


class _BoundedProtocol(H11Protocol):
    """One connection; `limits` are an attribute of the class, for uvicorn makes the instances."""

    limits: Limits
    timer: asyncio.TimerHandle | None = None
    is_request = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._say(b"503 Service Unavailable", b"too many connections; try again")
        else:
            self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        has_begun = self.cycle is not None and not self.cycle.response_complete
        if has_begun and not self.is_request:
            self.is_request = True
            self._begin(self.limits.request_seconds, self.transport.abort)
        elif not has_begun and self.timer is None:
            self._wait_for_headers()

    def on_response_complete(self) -> None:
        self.is_request = False
        self._stop()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        # Where an answer has begun, there is nothing left to say.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._say(b"400 Bad Request", b"no HTTP, or headers that are too large")
        else:
            self.transport.abort()

    def _wait_for_headers(self) -> None:
        line = b"the headers took longer than %g s" % self.limits.header_seconds
        self._begin(self.limits.header_seconds, self._say, b"408 Request Timeout", line)

    def _begin(self, seconds: float, call: Any, *arguments: bytes) -> None:
        self._stop()
        self.timer = self.loop.call_later(seconds, call, *arguments)

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _say(self, status: bytes, line: bytes) -> None:
        """Answer outside of any request, and close."""
        head = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n"
        head += b"connection: close\r\n\r\n%s\n"
        self.transport.write(head % (status, len(line) + 1, line))
        self.transport.close()
