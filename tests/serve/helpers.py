"""A small service, and requests to it below the network."""

import asyncio
import contextlib
import threading
from dataclasses import replace

import httpx

from forecast.serve.app import Service, app_of
from forecast.serve.health import Metrics
from forecast.serve.limits import Limits
from forecast.serve.models import Models
from forecast.serve.server import bound, server_of


@contextlib.contextmanager
def service_of(*runs, token=None, names=None, works=True, **limits):
    """A service whose thread works, or does not."""
    service = Service(Models(runs), replace(Limits(), **limits), Metrics(), token, names)
    if works:
        service.batcher.thread.start()
    try:
        yield service
    finally:
        service.batcher.end()
        if works:
            service.batcher.thread.join(timeout=20)


def client_of(service):
    """A client whose requests go to the routes, not through a network."""
    transport = httpx.ASGITransport(app_of(service), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def ask(service, *requests):
    """The answers to some requests that are sent at the same time; each is options of `post`."""

    async def all_of_them():
        async with client_of(service) as client:
            return await asyncio.gather(
                *(client.post("/v1/forecast", **request) for request in requests)
            )

    return asyncio.run(all_of_them())


def get(service, path, method="GET", **options):
    """The answer to a request without a body."""

    async def one():
        async with client_of(service) as client:
            return await client.request(method, path, **options)

    return asyncio.run(one())


def columns(table):
    """A frame as the columns of a JSON request."""
    return {
        name: [*column.astype(str)] if column.dtype.kind not in "if" else column.tolist()
        for name, column in table.items()
    }


@contextlib.contextmanager
def listening(service):
    """The port of a service that listens on loopback, in a thread of its own."""
    listener = bound("127.0.0.1", 0, "--port")
    server = server_of(app_of(service), service.limits)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
