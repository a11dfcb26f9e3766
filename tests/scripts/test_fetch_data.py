"""The download script against a local server: whole verified files, or none at all."""

import hashlib
import importlib.util
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "fetch_data.py"
BODY = b"date,value\n2016-07-01,5.827\n" * 10_000
SHA256 = hashlib.sha256(BODY).hexdigest()


@dataclass
class Reply:
    """What the server answers once: a status, a body, and how many of its bytes it sends."""

    status: int = 200
    body: bytes = BODY
    sent: int = len(BODY)


@dataclass
class Remote:
    """A running server: its address, the replies it still has to give, the paths asked for."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def handler_for(remote: Remote) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            remote.requests.append(self.path)
            reply = remote.replies.pop(0)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.sent])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    monkeypatch.setenv("no_proxy", "*")
    remote = Remote(url="")
    with HTTPServer(("127.0.0.1", 0), handler_for(remote)) as server:
        remote.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield remote
        server.shutdown()
        thread.join()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sample = module.Dataset("sample", "owner/repository/sample.csv", SHA256)
    monkeypatch.setattr(module, "DATASETS", {"sample": sample})
    monkeypatch.setattr(module, "RETRY_WAITS_SECONDS", (0.0, 0.0, 0.0))
    return module


def fetch(script: ModuleType, url: str, folder: Path) -> int:
    code: int = script.main(["sample", "--to", str(folder), "--base-url", url])
    return code


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_good_download(script, remote, tmp_path) -> None:
    remote.replies = [Reply()]
    folder = tmp_path / "new" / "folder"
    assert fetch(script, remote.url + "/", folder) == 0
    assert (folder / "sample.csv").read_bytes() == BODY
    assert names(folder) == ["sample.csv"]
    assert remote.requests == ["/owner/repository/sample.csv"]


def test_without_a_name_every_set_is_fetched(script, remote, tmp_path) -> None:
    script.DATASETS["other"] = script.Dataset("other", "other.csv", SHA256)
    remote.replies = [Reply(), Reply()]
    assert script.main(["--to", str(tmp_path), "--base-url", remote.url]) == 0
    assert names(tmp_path) == ["other.csv", "sample.csv"]


def test_wrong_checksum_leaves_nothing(script, remote, tmp_path, capsys) -> None:
    forged = BODY.replace(b"5.827", b"5.828", 1)
    remote.replies = [Reply(body=forged)]
    assert fetch(script, remote.url, tmp_path) == 3
    assert names(tmp_path) == []
    line = only_line(capsys)
    assert "sample.csv" in line
    assert SHA256 in line
    assert hashlib.sha256(forged).hexdigest() in line


def test_wrong_checksum_leaves_the_old_file_untouched(script, remote, tmp_path) -> None:
    (tmp_path / "sample.csv").write_bytes(b"old")
    remote.replies = [Reply(body=b"forged")]
    assert fetch(script, remote.url, tmp_path) == 3
    assert (tmp_path / "sample.csv").read_bytes() == b"old"
    assert names(tmp_path) == ["sample.csv"]


def test_a_stale_file_is_replaced(script, remote, tmp_path) -> None:
    (tmp_path / "sample.csv").write_bytes(b"old")
    remote.replies = [Reply()]
    assert fetch(script, remote.url, tmp_path) == 0
    assert (tmp_path / "sample.csv").read_bytes() == BODY


def test_missing_page_is_not_asked_for_twice(script, remote, tmp_path, capsys) -> None:
    remote.replies = [Reply(status=404, body=b"no")]
    assert fetch(script, remote.url, tmp_path) == 3
    assert names(tmp_path) == []
    assert len(remote.requests) == 1
    assert "404" in only_line(capsys)


def test_truncated_body_is_retried_then_given_up(script, remote, tmp_path, capsys) -> None:
    remote.replies = [Reply(sent=70_000) for _ in range(4)]
    assert fetch(script, remote.url, tmp_path) == 3
    assert names(tmp_path) == []
    assert len(remote.requests) == 4
    assert "bytes" in only_line(capsys)


@pytest.mark.parametrize("failure", [Reply(status=503), Reply(sent=10), Reply(status=429)])
def test_two_failures_then_success(script, remote, tmp_path, failure) -> None:
    remote.replies = [failure, failure, Reply()]
    assert fetch(script, remote.url, tmp_path) == 0
    assert (tmp_path / "sample.csv").read_bytes() == BODY
    assert names(tmp_path) == ["sample.csv"]


def test_present_file_is_not_downloaded_again(script, remote, tmp_path, capsys) -> None:
    (tmp_path / "sample.csv").write_bytes(BODY)
    assert fetch(script, remote.url, tmp_path) == 0
    assert remote.requests == []
    assert "already here" in capsys.readouterr().out


def test_nobody_listens(script, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert fetch(script, url, tmp_path) == 3
    assert names(tmp_path) == []
    assert "sample.csv" in only_line(capsys)


def test_target_folder_is_a_file(script, remote, tmp_path, capsys) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    assert fetch(script, remote.url, blocked) == 3
    assert str(blocked) in only_line(capsys)


@pytest.mark.parametrize("arguments", [["sampel"], ["--base-url", "file:///etc"]])
def test_wrong_usage_exits_with_two(script, arguments, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        script.main(arguments)
    assert stop.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
