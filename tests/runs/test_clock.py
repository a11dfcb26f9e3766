"""Times as people say them."""

import datetime

import pytest

from forecast.runs.clock import duration_in_words, end_in_words

EVENING = datetime.datetime(2024, 5, 1, 22, 30)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7199.0, "120 min"), (9000.0, "2.5 h")],
)
def test_a_time_has_a_unit_that_suits_it(seconds: float, said: str) -> None:
    assert duration_in_words(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (240.0, "ends at about 22:34, in 4 min"),
        (7200.0, "ends at about 2024-05-02 00:30, in 2.0 h"),
    ],
)
def test_the_end_has_a_date_where_it_is_another_one(seconds: float, said: str) -> None:
    assert end_in_words(seconds, EVENING) == said


def test_now_is_what_the_clock_says() -> None:
    now = datetime.datetime.now().astimezone()
    said = {end_in_words(0.0, now + datetime.timedelta(minutes=late)) for late in (0, 1)}
    assert end_in_words(0.0) in said
