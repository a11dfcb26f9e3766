"""What a request may take, and the refusal of one that takes more: a status and one line."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from forecast.errors import DeviceError, ForecastError


class RequestError(ForecastError):
    """A request that is refused, with its status in HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def status_of(error: ForecastError) -> int:
    """The status in HTTP of a refusal: what the command would refuse is 422."""
    if isinstance(error, RequestError):
        return error.status
    return 500 if isinstance(error, DeviceError) else 422


@dataclass(frozen=True)
class Limits:
    """Bounds of one service; every one of them has its refusal."""

    body_bytes: int = 8 * 2**20
    all_bodies_bytes: int = 64 * 2**20
    """Of all requests that are being read, wait, or are worked on."""
    header_bytes: int = 16 * 2**10
    rows: int = 100_000
    """Of a table."""
    columns: int = 1_000
    series: int = 1_000
    horizon: int = 1_000
    levels: int = 20
    answer_rows: int = 100_000
    waiting: int = 256
    """Requests that wait or are worked on."""
    batch: int = 64
    """Requests that are forecast at once."""
    connections: int = 400
    header_seconds: float = 10.0
    body_seconds: float = 20.0
    answer_seconds: float = 30.0
    """From the whole body to the answer."""
    request_seconds: float = 90.0
    """From the first byte of a request to the last of its answer."""
    idle_seconds: float = 15.0
    """Between two requests of a connection."""
    drain_seconds: float = 8.0
    """For the requests that are there when the service is told to end."""

    def require_rows(self, rows: int, name: str) -> None:
        """Raise a RequestError for a table of too many rows."""
        if rows > self.rows:
            raise RequestError(
                413, f"{name}: more than {self.rows} rows; send the last ones, or use predict"
            )

    def require_parts(self, body: bytes) -> None:
        """Raise a RequestError for JSON of more lists and objects than two tables have: each costs
        a hundred times its two bytes, and the time of all others."""
        if body.count(b"[") + body.count(b"{") > 2 * (self.rows + self.columns + 1):
            raise RequestError(
                413,
                f"the body has more lists and objects than two tables of {self.rows} rows; send"
                " the last ones, or use predict",
            )

    def require_size(self, series: int, horizon: int, each: int) -> None:
        """Raise a RequestError for a forecast that is too large.

        Args:
            series, horizon: numbers of series and steps.
            each: rows of a series and step: targets, or samples.
        """
        if series > self.series:
            raise RequestError(
                413, f"history: {series} series are more than {self.series}; send fewer at a time"
            )
        if horizon > self.horizon:
            raise RequestError(
                422, f"horizon {horizon} is more than {self.horizon} steps; ask for fewer"
            )
        if (rows := series * horizon * each) > self.answer_rows:
            raise RequestError(
                413, f"a forecast of {rows} rows is more than {self.answer_rows}; send fewer series"
            )


class Capacity:
    """Places and bytes that requests hold until their work has ended; safe between threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes = 0

    def take_bytes(self, number: int) -> None:
        """Hold bytes of a body.

        Raises:
            RequestError: if all bodies together would be too large.
        """
        with self._lock:
            if self.bytes + number > self._limits.all_bodies_bytes:
                raise RequestError(429, "too many bytes are being read; try again in a second")
            self.bytes += number

    def free_bytes(self, number: int) -> None:
        """Give bytes back."""
        with self._lock:
            self.bytes -= number

    def take_place(self) -> None:
        """Hold a place in the queue.

        Raises:
            RequestError: if there is none.
        """
        with self._lock:
            if self.requests >= self._limits.waiting:
                raise RequestError(
                    429, f"{self._limits.waiting} requests are waiting; try again in a second"
                )
            self.requests += 1

    def free_place(self) -> None:
        """Give a place back."""
        with self._lock:
            self.requests -= 1
