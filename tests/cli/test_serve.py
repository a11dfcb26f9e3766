"""`forecast serve`: what it needs, and what it says when it begins."""

import pytest

from forecast.cli import serve as command


def test_a_missing_extra_is_said_in_one_line(place, refuse, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    line = refuse(2, "serve", "run")
    assert line == (
        "serve needs fastapi, uvicorn and prometheus-client: pip install 'forecast-lstm[serve]'"
    )


@pytest.mark.parametrize("quiet", [False, True])
def test_where_it_listens_is_said_once(run, call, monkeypatch, quiet):
    served = []
    monkeypatch.setattr("forecast.serve.server.serve", lambda *given: served.append(given))
    words = ["--port", "0", "--health-port", "0", *(["--quiet"] if quiet else [])]
    code, out, err = call("serve", run, *words)
    ((service, _listener, _health),) = served
    assert (code, out) == (0, "")
    assert (service.token, "localhost" in service.names) == (None, True)
    assert err.count("run on http://127.0.0.1:") == err.count(" and health on ") == (not quiet)


def test_a_token_opens_it_to_other_names(run, call, tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr("forecast.serve.server.serve", lambda *given: served.append(given))
    (tmp_path / "token").write_text("0123456789abcdef")
    words = ["--host", "0.0.0.0", "--port", "0", "--health-port", "0"]
    assert call("serve", run, *words, "--token-file", tmp_path / "token")[0] == 0
    assert call("serve", run, *words, "--without-token")[0] == 0
    assert [(each[0].token, each[0].names) for each in served] == [
        ("0123456789abcdef", None),
        (None, None),
    ]
