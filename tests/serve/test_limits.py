"""Every bound of the service has its refusal, and gives back what it held."""

import asyncio
import json
import threading

import pytest

from forecast.serve.app import Reservation
from forecast.serve.limits import Capacity, Limits, RequestError
from tests.helpers import refusal
from tests.serve.helpers import ask, columns, service_of
from tests.waves import SINGLE

CSV = {"content-type": "text/csv"}
BODY = json.dumps({"history": columns(SINGLE)}).encode()


def refused(service, request, status):
    (found,) = ask(service, request)
    assert found.status_code == status, found.text
    assert service.room.requests == service.room.bytes == 0
    return found.json()["error"]


async def in_parts(*parts, pause=0.0):
    for part in parts:
        yield part
        await asyncio.sleep(pause)


def test_a_body_is_counted_as_it_comes(single):
    line = "the body is larger than 1000 bytes; send fewer rows"
    with service_of(single[1], body_bytes=1000) as service:
        assert refused(service, {"content": b" " * 1001}, 413) == line
        assert refused(service, {"content": in_parts(*[b" " * 100] * 11)}, 413) == line
        lying = {"content": in_parts(b"{}"), "headers": {"content-length": "9" * 30}}
        assert refused(service, lying, 413) == line
        (fits,) = ask(service, {"content": b"{}" + b" " * 998})
        assert fits.status_code == 200


def test_a_slow_body_is_not_waited_for(single):
    with service_of(single[1], body_seconds=0.05) as service:
        line = refused(service, {"content": in_parts(b"{", b"}", pause=0.2)}, 408)
    assert line == "the body took longer than 0.05 s; send it faster"


def test_all_bodies_together_are_bounded(single):
    with service_of(single[1], all_bodies_bytes=100) as service:
        line = refused(service, {"content": BODY}, 429)
    assert line == "too many bytes are being read; try again in a second"


@pytest.mark.parametrize("as_csv", [False, True])
def test_rows_are_bounded_before_they_are_read(single, as_csv):
    text = "ds,y,z\n" + "x,x,x\n" * 11
    with service_of(single[1], rows=10) as service:
        request = {"content": text, "headers": CSV} if as_csv else {"json": {"history": text}}
        line = refused(service, request, 413)
        assert line == "history: more than 10 rows; send the last ones, or use predict"
        assert refused(service, {"json": {"history": {"ds": ["x"] * 11}}}, 413) == line
        assert refused(service, {"json": {"history": [{"ds": "x"}] * 11}}, 413) == line


def test_columns_series_steps_and_levels_are_bounded(single, panel):
    history, wide = columns(SINGLE), {str(number): [1] for number in range(11)}
    bounds = {"columns": 10, "horizon": 5, "levels": 2, "answer_rows": 6}
    with service_of(single[1], **bounds) as service:
        assert "more than 10 columns" in refused(service, {"json": {"history": wide}}, 413)
        for given in ({}, {"history": history}):
            line = refused(service, {"json": {**given, "horizon": 6}}, 422)
            assert line == "horizon 6 is more than 5 steps; ask for fewer"
            line = refused(service, {"json": {**given, "horizon": 4}}, 413)
            assert line == "a forecast of 8 rows is more than 6; send fewer series"
        assert "more than 2 levels" in refused(service, {"json": {"level": [1, 2, 3]}}, 422)
    with service_of(panel[1], series=1) as service:
        line = refused(service, {}, 413)
    assert line == "history: 2 series are more than 1; send fewer at a time"


def test_a_full_queue_refuses_and_places_are_free_when_work_has_ended(single):
    with service_of(single[1], works=False, waiting=2, answer_seconds=0.2) as service:
        first, second, third = ask(service, {"content": BODY}, {}, {})
        assert sorted(each.status_code for each in (first, second, third)) == [429, 503, 503]
        for each in (first, second, third):
            assert each.headers["retry-after"] == "1"
        assert service.room.requests == 0  # whoever has not begun is not begun any more
    full = [each for each in (first, second, third) if each.status_code == 429]
    assert full[0].json() == {"error": "2 requests are waiting; try again in a second"}


def test_a_place_is_held_until_the_work_has_ended(single, monkeypatch):
    with service_of(single[1], answer_seconds=0.2) as service:
        goes_on = threading.Event()
        alone = service.batcher._alone
        monkeypatch.setattr(
            service.batcher, "_alone", lambda task: goes_on.wait(60) and alone(task)
        )
        (found,) = ask(service, {})
        assert (found.status_code, service.room.requests) == (503, 1)
        goes_on.set()
        service.batcher.end()
        service.batcher.thread.join(timeout=60)
        assert service.room.requests == service.room.bytes == 0


def test_a_service_that_ends_takes_no_more(single):
    with service_of(single[1]) as service:
        service.is_ending = True
        assert refused(service, {}, 503) == "the service is ending; ask another one"


def test_what_a_request_holds_is_given_back_once():
    room = Capacity(Limits(all_bodies_bytes=10, waiting=1))
    held = Reservation(room)
    held.more(6)
    assert refusal(held.more, 5, error=RequestError).startswith("too many bytes")
    room.take_place()
    held.has_place = True
    assert "1 requests are waiting" in refusal(room.take_place, error=RequestError)
    held.free()
    held.free()
    assert (room.bytes, room.requests) == (0, 0)
