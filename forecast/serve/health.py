"""Health, readiness and metrics, on a port of their own, apart from the load."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "forecast_requests", "Answers by status", ["status"], registry=registry
        )
        self.seconds = Histogram(
            "forecast_request_seconds", "Request to answer", buckets=SECONDS, registry=registry
        )
        self.sizes = Histogram(
            "forecast_batch_size", "Requests forecast at once", buckets=SIZES, registry=registry
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def count(self, status: int, seconds: float) -> None:
        """An answer."""
        self.requests.labels(str(status)).inc()
        self.seconds.observe(seconds)


def health_app(
    metrics: Metrics, is_alive: Callable[[], bool], is_ready: Callable[[], bool]
) -> Starlette:
    """The routes `/healthz`, `/readyz` and `/metrics`.

    Args:
        metrics: to be shown.
        is_alive: whether the thread that forecasts is there; otherwise a restart helps.
        is_ready: whether requests should be sent here.
    """

    async def healthz(_: Request) -> Response:
        alive = is_alive()
        return PlainTextResponse("ok\n" if alive else "no thread\n", 200 if alive else 500)

    async def readyz(_: Request) -> Response:
        ready = is_ready()
        return PlainTextResponse("ok\n" if ready else "ending\n", 200 if ready else 503)

    async def show(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show)]
    return Starlette(routes=routes)
