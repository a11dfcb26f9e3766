"""The service on a real socket: its end, its patience, its exchange of models, its two doors."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from forecast.errors import ConfigError
from forecast.runs.folder import MODEL_FILE
from forecast.serve.server import bound, is_loopback, own_names, token_in
from tests.helpers import refusal
from tests.serve.helpers import columns, listening, service_of
from tests.waves import SINGLE, config, finish, session_of

BODY = json.dumps({"history": columns(SINGLE)}).encode()


def asked(port, method="POST", path="/v1/forecast", body=BODY, **headers):
    """Status and text of an answer."""
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    ) as connection:
        connection.request(method, path, body, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def raw(port, *data):
    """What comes back for some bytes on a connection each, until the other side closes them."""
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in data
        ]
        for connection, each in zip(connections, data, strict=True):
            connection.sendall(each)
        return [b"".join(iter(partial(each.recv, 65536), b"")) for each in connections]


def first_of(body):
    """The first value of a forecast."""
    return body["forecast"][0]["forecast"]


def test_headers_are_not_waited_for(single):
    with service_of(single[1], header_seconds=1.0) as service, listening(service) as port:
        some = b"POST / HTTP/1.1\r\nhost: localhost\r\nx: "
        for answer in raw(port, b"", b"POST /v1/fore", some):
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert answer.endswith(b"\r\n\r\nthe headers took longer than 1 s\n")
        assert asked(port)[0] == 200  # and those of a second request on the same connection
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        ) as connection:
            connection.request("POST", "/v1/forecast", BODY)
            assert connection.getresponse().read()
            connection.sock.sendall(b"POST ")
            assert connection.sock.recv(100).startswith(b"HTTP/1.1 408")


def test_a_request_that_never_ends_is_cut_off(single):
    bounds = {"request_seconds": 0.3, "body_seconds": 30.0}
    with service_of(single[1], **bounds) as service, listening(service) as port:
        head = b"POST /v1/forecast HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
        with contextlib.suppress(ConnectionResetError):
            assert raw(port, head) == [b""]
        wait_for(lambda: not service.room.bytes)
        assert service.room.bytes == service.room.requests == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 20_000,
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"POST /v1/forecast HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    ],
)
def test_what_is_no_http_has_one_line(single, data):
    with service_of(single[1]) as service, listening(service) as port:
        (answer,) = raw(port, data)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nno HTTP, or headers that are too large\n")


def test_the_rest_of_a_body_of_two_lengths_is_no_request(single):
    head = b"POST /v1/forecast HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n"
    rest = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    with service_of(single[1]) as service, listening(service) as port:
        (answer,) = raw(port, head + b"transfer-encoding: chunked\r\n\r\n" + rest)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Content-Length and Transfer-Encoding: give one of both" in answer


def test_connections_are_bounded(single):
    with (
        service_of(single[1], connections=2) as service,
        listening(service) as port,
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)),
    ):
        assert raw(port, b"")[0].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


def test_a_sender_that_goes_away_leaves_nothing_behind(single):
    with service_of(single[1]) as service, listening(service) as port:
        head = b"POST /v1/forecast HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head)
        assert asked(port)[0] == 200
        wait_for(lambda: not service.room.bytes)
        assert service.room.bytes == service.room.requests == 0


def wait_for(condition, seconds=30.0):
    """Until it is true, on a busy machine too."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@contextlib.contextmanager
def process(folder, *words):
    """A process that serves a run: itself, its port, and that of its health."""
    command = [sys.executable, "-m", "forecast", "serve", str(folder), "--port", "0"]
    started = subprocess.Popen(
        [*command, "--health-port", "0", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        line = next(line for line in iter(started.stderr.readline, "") if " on http://" in line)
        yield started, *map(int, re.findall(r":(\d+)", line)[-2:])
    finally:
        started.kill()
        started.wait()
        started.stderr.close()


def test_a_service_from_its_start_to_its_end(single, tmp_path):
    """Asked all the time, it exchanges its model, tells its health, and loses nothing."""
    folder = tmp_path / "sales"
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(single[1].read_bytes())
    other = finish(session_of(config(seed=7), SINGLE))
    old, new = (
        pytest.approx(each.forecast(SINGLE).forecast[0], rel=1e-8) for each in (single[0], other)
    )
    found, is_over = [], threading.Event()

    def ask_on():
        while not is_over.is_set():
            try:
                status, text = asked(port)
            except (ConnectionError, http.client.HTTPException):
                assert ended.is_set()  # then nobody listens
                return
            found.append((status, json.loads(text)))

    ended = threading.Event()
    with process(folder) as (service, port, health):
        clients = [threading.Thread(target=ask_on, daemon=True) for _ in range(3)]
        for client in clients:
            client.start()
        assert asked(health, "GET", "/healthz") == (200, "ok\n")
        assert asked(health, "GET", "/readyz") == (200, "ok\n")
        other.save(folder / MODEL_FILE)
        line = service.stderr.readline()
        assert line == "INFO: sales: trained anew, so from now on that model serves\n"
        (folder / MODEL_FILE).write_bytes(b"damaged")
        assert service.stderr.readline().startswith("WARNING: sales: the old model keeps serving: ")
        metrics = asked(health, "GET", "/metrics")[1]
        assert "forecast_models_swapped 1.0" in metrics
        assert "forecast_models_refused 1.0" in metrics
        assert re.search(r'forecast_requests_total\{status="200"\} \d', metrics)
        wait_for(lambda: any(status == 200 and first_of(body) == new for status, body in found))
        ended.set()
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
        is_over.set()
        for client in clients:
            client.join()
        assert "ending: " in service.stderr.read()
    answers = [first_of(body) for status, body in found if status == 200]
    refused = [body for status, body in found if status != 200]
    assert all(body == {"error": "the service is ending; ask another one"} for body in refused)
    assert answers[0] == old
    assert all(answer in (old, new) for answer in answers)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "No such file or directory; write the token into it"),
        ("short", "holds no token of 16 characters or more; write one, e.g. openssl rand -hex 32"),
        ("two words of a token", "holds no token of 16 characters or more"),
        ("ééééééééééééééééé", "holds no ASCII text; write the token into it"),
    ],
)
def test_a_token_comes_from_a_file(content, line, tmp_path):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    message = refusal(token_in, str(path), error=ConfigError)
    assert message.startswith(f"--token-file {path}: {line}")


def test_the_ends_of_a_token_do_not_count(tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef\n")
    assert token_in(str(tmp_path / "token")) == "0123456789abcdef"


def test_no_body_waits_for_its_headers_to_be_acknowledged():
    with (
        bound("127.0.0.1", 0, "--port") as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_cannot_be_had_is_refused():
    with bound("127.0.0.1", 0, "--port") as taken:
        port = taken.getsockname()[1]
        line = refusal(bound, "127.0.0.1", port, "--port", error=ConfigError)
        assert line == (
            f"127.0.0.1:{port} cannot be listened at: Address already in use; give another --host"
            " or --port"
        )
    assert "--port 70000 is not allowed" in refusal(bound, "127.0.0.1", 70000, "--port")
    assert "cannot be listened at" in refusal(bound, "no.such.host.invalid", 0, "--port")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_has_names_of_its_own_but_with_a_token(host):
    assert is_loopback(host)
    assert "localhost" in own_names(host, has_token=False)
    assert own_names(host, has_token=True) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "128.0.0.1", "localhost.example"])
def test_other_addresses_are_no_loopback(host):
    assert not is_loopback(host)
    assert own_names(host, has_token=False) is None
