"""The routes: forecasts, the models, the page; every refusal is one line."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecast.errors import ForecastError
from forecast.serve.batching import Batcher, Job
from forecast.serve.documents import OPENAPI
from forecast.serve.health import Metrics
from forecast.serve.limits import Capacity, Limits, RequestError, status_of
from forecast.serve.models import Models
from forecast.serve.page import SAFE, page
from forecast.serve.wire import CSV, JSON, ParsedRequest, asked_in_csv, asked_in_json, refusal

log = logging.getLogger("forecast")

MISSES = {
    404: "there is no such address; see /openapi.json",
    405: "not by this method; see /openapi.json",
}
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
WITHOUT_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::\d*)?")


@dataclass
class Service:
    """All that the routes share."""

    models: Models
    limits: Limits
    metrics: Metrics
    token: str | None = None
    """That a request must bring; None: none."""
    names: tuple[str, ...] | None = None
    """Hosts by which it may be called; None: any."""
    is_ending: bool = False

    def __post_init__(self) -> None:
        self.room = Capacity(self.limits)
        self.batcher = Batcher(self.models, self.limits, self.metrics.sizes.observe)
        watch = self.metrics.watch
        watch("forecast_waiting", "Requests that wait or are worked on", lambda: self.room.requests)
        watch("forecast_models_swapped", "Models exchanged since start", lambda: self.models.swaps)
        watch("forecast_models_refused", "Damaged since start", lambda: self.models.refusals)


def app_of(service: Service) -> Starlette:
    """The routes of a service."""

    async def index(_: Request) -> Response:
        return page()

    async def models(_: Request) -> Response:
        return JSONResponse([served.description for served in service.models])

    async def forecast(request: Request) -> Response:
        kind = wanted_kind(request)
        return Response(await answer(service, request, kind), media_type=kind)

    async def on_refusal(request: Request, error: ForecastError) -> Response:
        return refused(request, status_of(error), str(error))

    async def on_miss(request: Request, error: HTTPException) -> Response:
        line = MISSES.get(error.status_code, str(error.detail))
        return refused(request, error.status_code, line, error.headers)

    async def on_fault(request: Request, error: Exception) -> Response:
        log.error("unexpected: %s: %s", type(error).__name__, error)
        return refused(request, 500, "unexpected; the log of the service says more")

    described = FastAPI(title="forecast", version="1")  # its own routes take a third longer
    described.get("/v1/models", **OPENAPI["models"])(models)
    described.post("/v1/forecast", **OPENAPI["forecast"])(forecast)

    async def openapi(_: Request) -> Response:
        return JSONResponse(described.openapi())

    routes = [
        Route("/", index),
        Route("/openapi.json", openapi),
        Route("/v1/models", models),
        Route("/v1/forecast", forecast, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {
        ForecastError: on_refusal,
        HTTPException: on_miss,
        Exception: on_fault,
    }
    app = Starlette(False, routes, [Middleware(Guard, service=service)], handlers)
    app.router.redirect_slashes = False
    return app


class Guard:
    """What stands before all routes: host and token; every answer is counted and has its headers.

    Args:
        app: the routes.
        service: knows the token.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the routes do so."""
        began, is_api = time.monotonic(), scope["path"].startswith("/v1/")

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SAFE]
                if is_api:
                    self._service.metrics.count(message["status"], time.monotonic() - began)
            await send(message)

        request, app = Request(scope), self._app
        try:
            require_host(self._service, request)
            require_one_length(request)
            if is_api:
                require_token(self._service, request)
        except RequestError as error:
            closes = {"connection": "close"} if error.status == 400 else None
            app = refused(request, error.status, str(error), closes)
        await app(scope, receive, sent)


def refused(request: Request, status: int, message: str, headers: Any = None) -> Response:
    """The answer to a request that is refused: one line, as JSON or as text.

    Args:
        request: says which of the two it accepts.
        status: of HTTP, from 400 on.
        message: the line.
        headers: further ones; None: none.
    """
    body, kind = refusal(message, CSV if CSV in request.headers.get("accept", "") else JSON)
    headers = dict(headers or {})
    if status in (429, 503):
        headers["retry-after"] = "1"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(body, status, headers, kind)


def require_host(service: Service, request: Request) -> None:
    """Refuse other names for this machine: a page elsewhere may have made one lead here.

    Raises:
        RequestError: 403.
    """
    host = WITHOUT_PORT.fullmatch(request.headers.get("host", ""))
    if service.names is not None and (host is None or host[1].lower() not in service.names):
        raise RequestError(403, "this service answers to localhost alone; call it so")


def require_one_length(request: Request) -> None:
    """Refuse a body of two lengths: a proxy may go by the other one, and take the rest of it for a
    request of somebody else.

    Raises:
        RequestError: 400.
    """
    if {"content-length", "transfer-encoding"} <= {*request.headers}:
        raise RequestError(400, "Content-Length and Transfer-Encoding: give one of both")


def require_token(service: Service, request: Request) -> None:
    """Refuse a request without the token; how long that takes says nothing about the token.

    Raises:
        RequestError: 401.
    """
    if service.token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        given.strip().encode(), service.token.encode()
    ):
        raise RequestError(401, "give the token of this service as Authorization: Bearer TOKEN")


def wanted_kind(request: Request) -> str:
    """Media type of the answer by `Accept`, the first of those with the highest weight."""
    found: list[tuple[float, str]] = []
    for part in request.headers.get("accept", "*/*").split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        kinds = {"*/*": JSON, "application/*": JSON, "text/*": CSV, JSON: JSON, CSV: CSV}
        try:
            value = float(weight)
        except ValueError:
            value = 0.0
        if name in kinds and value > 0:
            found.append((-value, kinds[name]))
    if not found:
        raise RequestError(406, f"there is {JSON} and {CSV}; accept one of them")
    return min(found, key=lambda pair: pair[0])[1]


def reader_of(request: Request, limits: Limits) -> Callable[[bytes], ParsedRequest]:
    """What reads a body, by its `Content-Type`."""
    kind, _, rest = request.headers.get("content-type", JSON).partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() not in (JSON, CSV) or charset not in ("", "utf-8", "utf8"):
        raise RequestError(415, f"send {JSON} or {CSV}, in UTF-8")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "send the body as it is, not compressed")
    if kind.strip().lower() == JSON:
        return partial(asked_in_json, limits=limits)
    return partial(asked_in_csv, pairs=request.query_params.multi_items(), limits=limits)


async def answer(service: Service, request: Request, kind: str) -> bytes:
    """Read a request, let it be forecast, and give its answer.

    A request that is given up keeps its place until its work has ended.

    Raises:
        ForecastError: for one that is refused.
    """
    limits, room = service.limits, service.room
    if service.is_ending:
        raise RequestError(503, "the service is ending; ask another one")
    read = reader_of(request, limits)
    held = Reservation(room)
    try:
        body = await body_of(request, limits, held)
        room.take_place()
        held.has_place = True
        job = Job(lambda: read(body), kind)
        job.answer.add_done_callback(lambda _: held.free())
    except BaseException:
        held.free()
        raise
    service.batcher.submit(job)
    try:
        async with asyncio.timeout(limits.answer_seconds):
            return await asyncio.wrap_future(job.answer)
    except TimeoutError:
        seconds = f"{limits.answer_seconds:g}"
        raise RequestError(503, f"no forecast within {seconds} s; try again") from None


class Reservation:
    """What one request holds of the room; it is given back once."""

    def __init__(self, room: Capacity) -> None:
        self._room = room
        self.bytes = 0
        self.has_place = False

    def more(self, number: int) -> None:
        """Hold more bytes."""
        self._room.take_bytes(number)
        self.bytes += number

    def free(self) -> None:
        """Give all back."""
        self._room.free_bytes(self.bytes)
        if self.has_place:
            self._room.free_place()
        self.bytes, self.has_place = 0, False


async def body_of(request: Request, limits: Limits, held: Reservation) -> bytes:
    """The body, counted as it comes.

    Raises:
        RequestError: for one that is too large or too slow, or whose sender has gone.
    """
    most = limits.body_bytes
    too_large = RequestError(413, f"the body is larger than {most} bytes; send fewer rows")
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise too_large
    parts = list[bytes]()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                held.more(len(part))
                parts.append(part)
                if held.bytes > most:
                    raise too_large
    except TimeoutError:
        seconds = f"{limits.body_seconds:g}"
        raise RequestError(408, f"the body took longer than {seconds} s; send it faster") from None
    except ClientDisconnect:
        raise RequestError(400, "the body ended too early") from None
    return b"".join(parts)
