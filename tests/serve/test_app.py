"""The routes: the numbers of `predict`, its words in every refusal, and who may ask."""

import io
import json

import jsonschema
import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.errors import ForecastError
from forecast.serve.wire import ForecastResponse
from forecast.tables.csv_text import to_csv
from tests.helpers import small_config
from tests.serve.helpers import ask, columns, get, service_of
from tests.test_labels import config as labels_config
from tests.test_labels import table as labels_table
from tests.waves import SINGLE, TABLE, finish, session_of

CSV = {"content-type": "text/csv", "accept": "text/csv"}


def assert_same(rows, table):
    expected = pd.read_csv(io.StringIO(to_csv(table)))
    found = pd.DataFrame(rows)
    assert list(found.columns) == list(expected.columns)
    for name in expected:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-8)
        else:
            assert [*found[name]] == [*expected[name]]


def test_json_gives_the_numbers_of_predict(single):
    model, path = single
    newer = SINGLE.iloc[:60]
    with service_of(path) as service:
        (empty, usual, asked) = ask(
            service,
            {},
            {"json": {"history": columns(newer)}},
            {"json": {"history": columns(newer), "horizon": 2, "level": [50], "model": "single"}},
        )
    assert_same(empty.json()["forecast"], model.forecast())
    assert_same(usual.json()["forecast"], model.forecast(newer))
    assert_same(asked.json()["forecast"], model.forecast(newer, horizon=2, level=[50]))


def test_samples_are_those_of_predict(single):
    model, path = single
    words = {"samples": 5, "seed": 3, "horizon": 2}
    with service_of(path) as service:
        in_json, in_csv, large = ask(
            service,
            {"json": {"history": columns(SINGLE), **words}},
            {"content": to_csv(SINGLE), "params": words, "headers": CSV},
            {"json": {"samples": 10_000, "horizon": 20}},
        )
    expected = model.sample(SINGLE, 5, 3, horizon=2).table
    assert_same(in_json.json()["forecast"], expected)
    assert in_csv.text == to_csv(expected)
    assert (large.status_code, large.json()["error"][:31]) == (
        413,
        "a forecast of 200000 rows is mo",
    )


def test_a_table_may_come_as_columns_as_rows_and_as_text(single):
    model, path = single
    rows = [
        dict(zip(columns(SINGLE), row, strict=True))
        for row in zip(*columns(SINGLE).values(), strict=True)
    ]
    with service_of(path) as service:
        found = ask(
            service,
            *({"json": {"history": each}} for each in (columns(SINGLE), rows, to_csv(SINGLE))),
        )
    for each in found:
        assert_same(each.json()["forecast"], model.forecast(SINGLE))


def test_csv_in_and_out(single):
    model, path = single
    request = {
        "content": to_csv(SINGLE),
        "params": {"horizon": 2, "level": "50,90"},
        "headers": CSV,
    }
    with service_of(path) as service:
        (found,) = ask(service, request)
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert found.text == to_csv(model.forecast(SINGLE, horizon=2, level=[50, 90]))


def test_many_at_once_have_the_numbers_of_each_alone(single):
    model, path = single
    lengths = [*range(64, 72), *range(64, 72)]
    requests = [{"json": {"history": columns(SINGLE.iloc[:rows])}} for rows in lengths]
    requests[2] = {"json": {"history": columns(SINGLE.assign(y="x"))}}
    requests[9] = {"json": {"history": columns(SINGLE.assign(y=-1.0))}}  # has no logarithm
    requests[12] = {"json": {"history": columns(SINGLE.iloc[:3])}}
    with service_of(path) as service:
        found = ask(service, *requests)
        batches = service.metrics.registry.get_sample_value("forecast_batch_size_count")
        assert 1 <= batches < len(requests)  # how they fall together is a matter of time
    refused = {number for number, each in enumerate(found) if each.status_code != 200}
    assert refused == {2, 9, 12}
    for number in {*range(16)} - refused:
        assert_same(
            found[number].json()["forecast"], model.forecast(SINGLE.iloc[: lengths[number]])
        )
    assert service.room.requests == service.room.bytes == 0


def test_the_future_comes_beside_the_history_or_behind_it(panel):
    model, path = panel
    history = TABLE.assign(price=1.5).drop(columns="z")
    future = pd.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=3, freq="MS"), "price": [1.263, 2.5, 3]}
    )
    behind = pd.concat([history, *(future.assign(unique_id=name, y=np.nan) for name in "ab")])
    with service_of(path) as service:
        beside, rows = ask(
            service,
            {"json": {"history": columns(history), "future": columns(future)}},
            {"content": to_csv(behind), "headers": CSV},
        )
    expected = model.forecast(history, future)
    assert_same(beside.json()["forecast"], expected)
    assert_same(pd.read_csv(io.StringIO(rows.text)).to_dict("list"), expected)


def line_of_command(model, path, frame, **options):
    """What `forecast predict --data` says of a CSV of the name `history`."""
    file = path.parent / "history"
    file.write_text(to_csv(frame))
    with pytest.raises(ForecastError) as caught:
        model.forecast(file, **options)
    return str(caught.value).replace(str(file), "history")


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda t: t.assign(y=[*t.y[:-1], np.nan]), {}),
        (lambda t: t.astype({"y": object}).assign(y=[*t.y[:-1], "abc"]), {}),
        (lambda t: t.drop(columns="z"), {}),
        (lambda t: t.iloc[:5], {}),
        (lambda t: t.assign(y=1e39), {}),
        (lambda t: t.drop(index=70), {}),
        (lambda t: t.assign(ds="x"), {}),
        (lambda t: pd.concat([t, t]), {}),
        (lambda t: t, {"horizon": 0}),
        (lambda t: t, {"horizon": 999}),
        (lambda t: t, {"level": [100]}),
        (lambda t: t.assign(y=-t.y), {}),
    ],
)
def test_a_refusal_is_the_line_of_the_command(single, change, options):
    model, path = single
    frame = change(SINGLE)
    query = {
        name: ",".join(map(str, each)) if name == "level" else each
        for name, each in options.items()
    }
    with service_of(path) as service:
        in_json, in_csv = ask(
            service,
            {
                "json": {
                    "history": json.loads(json.dumps(columns(frame)).replace("NaN", "null")),
                    **options,
                }
            },
            {"content": to_csv(frame), "params": query, "headers": CSV},
        )
    line = line_of_command(model, path, frame, **options)
    assert (in_json.status_code, in_json.json()) == (422, {"error": line})
    assert (in_csv.status_code, in_csv.text) == (422, f"{line}\n")
    assert in_csv.headers["content-type"] == "text/plain; charset=utf-8"


def test_warnings_of_the_command_come_with_the_forecast(single, caplog):
    path = single[1]
    with service_of(path) as service:
        (found,) = ask(service, {"json": {"history": columns(SINGLE), "horizon": 5}})
    assert len(found.json()["warnings"]) == 1
    assert "beyond the trained 3" in found.json()["warnings"][0]
    assert not caplog.records


AS_CSV = {"content-type": "text/csv"}
TWO = {"content-length": "2"}
REFUSED = [
    (400, {"content": b"{"}, "the body is no JSON: EOF while parsing an object at line 1 column 1"),
    (400, {"content": b"[" * 5000}, "the body is no JSON: recursion limit exceeded"),
    (
        400,
        {"content": b'{"history": "\\ud800"}'},
        "the body is no JSON: unexpected end of hex escape",
    ),
    (
        422,
        {"json": {"hist": 1}},
        "hist: unknown key; known: model, history, future, horizon, level, samples, seed",
    ),
    (
        422,
        {"content": b'{"horizon": 3, "horizon": 5}'},
        "horizon appears twice in one object; name each key once",
    ),
    (
        422,
        {"content": b'{"history": {"y": [1], "y": [2]}}'},
        "y appears twice in one object; name each key once",
    ),
    (
        422,
        {"content": "", "params": [("horizon", 3), ("horizon", 5)], "headers": AS_CSV},
        "horizon appears twice",
    ),
    (422, {"content": "", "params": {"horizon": "1_0"}, "headers": AS_CSV}, "horizon '1_0' is not"),
    (422, {"json": {"k" * 999: 1}}, f"{'k' * 28}...{'k' * 28}: unknown key"),
    (422, {"json": {"history": ["a"]}}, "history: give columns, rows, or the text of a CSV"),
    (422, {"json": {"level": "80"}}, "level: give percent, one or a list of them"),
    (
        413,
        {"content": b'{"history": {"ds": [' + b"[]," * 202_010 + b"[]]}}"},
        "the body has more lists and objects than two tables of 100000 rows",
    ),
    (400, {"content": b"{}", "headers": {"transfer-encoding": "chunked", **TWO}}, "Content-Length"),
    (422, {"json": {"seed": 1}}, "seed is for sample paths; give their number as samples"),
    (
        422,
        {"json": {"samples": 9, "level": 80}},
        "level is for intervals, samples takes their place; give one of both",
    ),
    (422, {"json": {"samples": 0}}, "samples 0 is not allowed; give 2 to 10000"),
    (422, {"json": {"horizon": "x"}}, "horizon: input should be a valid integer"),
    (
        422,
        {"json": {"history": {"ds": [1], "y": []}}},
        "history: columns of 0 and 1 cells; give each as many",
    ),
    (
        422,
        {"json": {"history": {"ds": [[1]], "y": [1]}}},
        "history: column 'ds' holds lists or objects",
    ),
    (422, {"json": {"history": {}}}, "history: columns of no cells; give each as many"),
    (404, {"json": {"model": "singel"}}, "no model singel; did you mean 'single'?"),
    (
        415,
        {"content": b"x", "headers": {"content-type": "text/plain"}},
        "send application/json or text/csv, in UTF-8",
    ),
    (
        415,
        {"content": b"x", "headers": {"content-encoding": "gzip"}},
        "send the body as it is, not compressed",
    ),
    (
        406,
        {"headers": {"accept": "image/png"}},
        "there is application/json and text/csv; accept one of them",
    ),
    (
        422,
        {"content": "", "params": {"horizn": 1}, "headers": {"content-type": "text/csv"}},
        "'horizn': unknown key",
    ),
    (
        422,
        {"content": "", "params": {"horizon": "x"}, "headers": {"content-type": "text/csv"}},
        "horizon 'x' is not",
    ),
    (
        422,
        {"content": b"\x1f\x8b\x08\0", "headers": {"content-type": "text/csv"}},
        "history:1: not UTF-8 text",
    ),
    (
        422,
        {"content": b"\xff\xfe", "headers": {"content-type": "text/csv"}},
        "history:1: not UTF-8 text",
    ),
]


@pytest.mark.parametrize(
    ("status", "request_", "line"), REFUSED, ids=[line for *_, line in REFUSED]
)
def test_what_is_no_request_is_refused_in_one_line(single, status, request_, line):
    with service_of(single[1]) as service:
        (found,) = ask(service, request_)
    assert found.status_code == status
    assert found.json()["error"].startswith(line)
    assert service.room.requests == service.room.bytes == 0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/html, text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("application/json;q=0, text/*", "text/csv"),
        ("application/*, text/csv;q=x", "application/json"),
    ],
)
def test_the_answer_is_of_the_type_that_is_accepted_first(single, accept, kind):
    with service_of(single[1]) as service:
        (found,) = ask(service, {"headers": {"accept": accept}})
    assert found.headers["content-type"].startswith(kind)


def test_one_of_several_models_is_named(single, panel):
    with service_of(single[1], panel[1]) as service:
        unnamed, named = ask(service, {}, {"json": {"model": "single"}})
        listed = get(service, "/v1/models").json()
    assert (unnamed.status_code, named.status_code) == (422, 200)
    assert unnamed.json() == {"error": "several models are served; name one: single, panel"}
    assert [each["name"] for each in listed] == ["single", "panel"]
    assert (listed[1]["id"], listed[1]["future"], listed[1]["horizon"]) == (
        "unique_id",
        ["price"],
        3,
    )


def test_labels_are_listed_by_name_and_forecast_as_by_the_model(tmp_path):
    trained = forecast.train(labels_config(training={"epochs": 1}), labels_table(), quiet=True)
    trained.save(tmp_path / "states.safetensors")
    with service_of(tmp_path / "states.safetensors") as service:
        (listed,) = get(service, "/v1/models").json()
        (found,) = ask(service, {})
    assert listed["target"] == ["state"]
    assert_same(found.json()["forecast"], trained.forecast())


def test_only_the_token_lets_one_in(single):
    token = "0123456789abcdef"
    with service_of(single[1], token=token) as service:
        right, wrong, none = ask(
            service,
            *(
                {"headers": {"authorization": f"Bearer {each}"}}
                for each in (token, token[:-1] + "f0")
            ),
            {},
        )
        page, models = get(service, "/"), get(service, "/v1/models")
    assert [each.status_code for each in (right, wrong, none, models, page)] == [
        200,
        401,
        401,
        401,
        200,
    ]
    assert none.headers["www-authenticate"] == "Bearer"
    assert none.json()["error"] == "give the token of this service as Authorization: Bearer TOKEN"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("evil.example:8000", 403),
        ("localhost:80:80", 403),
        ("", 403),
    ],
)
def test_a_service_of_this_machine_has_no_other_name(single, host, status):
    with service_of(single[1], names=("localhost", "127.0.0.1", "[::1]")) as service:
        assert get(service, "/v1/models", headers={"host": host}).status_code == status


def test_other_addresses_and_methods_are_refused_in_one_line(single):
    with service_of(single[1]) as service:
        missing, wrong = get(service, "/v2"), get(service, "/v1/forecast")
        docs, slash = get(service, "/docs"), get(service, "/v1/models/")
    assert (missing.status_code, wrong.status_code, docs.status_code) == (404, 405, 404)
    assert slash.json() == missing.json()
    assert missing.json() == {"error": "there is no such address; see /openapi.json"}
    assert wrong.json() == {"error": "not by this method; see /openapi.json"}
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/v1/models"])
def test_head_is_answered_as_get_and_post_is_told_so(single, path):
    with service_of(single[1]) as service:
        head, whole = (get(service, path, name) for name in ("HEAD", "GET"))
        wrong = get(service, path, "POST")
    assert (head.status_code, whole.status_code, wrong.status_code) == (200, 200, 405)
    assert head.headers == whole.headers
    assert sorted(wrong.headers["allow"].split(", ")) == ["GET", "HEAD"]


def test_the_description_holds_for_what_comes_and_goes(single):
    with service_of(single[1]) as service:
        described = get(service, "/openapi.json").json()
        (found,) = ask(service, {})
    post = described["paths"]["/v1/forecast"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        jsonschema.validate(example["value"], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"hist": 1}, schema)
    assert {"200", "400", "401", "408", "413", "422", "429", "503"} <= {*post["responses"]}
    ForecastResponse.model_validate(found.json())


def test_a_fault_of_ours_is_one_line_and_the_thread_goes_on(single, monkeypatch, caplog):
    with service_of(single[1]) as service:
        with monkeypatch.context() as patch:
            patch.setattr("forecast.serve.batching.forecast_batch", lambda *given: 1 / 0)
            (broken,) = ask(service, {"json": {"history": columns(SINGLE)}})
        (whole,) = ask(service, {"json": {"history": columns(SINGLE)}})
    assert (broken.status_code, whole.status_code) == (500, 200)
    assert broken.json() == {"error": "unexpected; the log of the service says more"}
    assert "unexpected: ZeroDivisionError: division by zero" in caplog.messages
    assert service.room.requests == service.room.bytes == 0


def test_labels_come_with_their_probabilities(tmp_path):
    table = SINGLE.assign(state=["up", "down", "down"] * 24).drop(columns=["y", "z"])
    chosen = small_config(data={"target": [{"state": {"encoding": "label"}}]})
    model = finish(session_of(chosen, table))
    model.save(tmp_path / "labels.safetensors")
    with service_of(tmp_path / "labels.safetensors") as service:
        found, level = ask(
            service,
            *({"json": {"history": columns(table), **also}} for also in ({}, {"level": 80})),
        )
    assert_same(found.json()["forecast"], model.forecast(table))
    assert (level.status_code, level.json()["error"][:24]) == (422, "labels have no intervals")
