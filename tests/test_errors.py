"""How names and values that others have chosen stand in messages and logs."""

import logging
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import (
    MOST_IN_LINE,
    DataError,
    did_you_mean,
    listed,
    named,
    one_line,
    printable,
    shown,
)
from forecast.runs.log import LineFormatter


@given(st.text())
def test_a_printable_text_is_one_line_and_obeys_nothing(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    assert printable(text) == text or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("shop \u202egnp.exe", r"shop \u202egnp.exe"),  # turns the text after it around
        ("\udcff.csv", r"\udcff.csv"),  # a file whose name is no UTF-8
        ("Ä Größe 東京", "Ä Größe 東京"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, says):
    assert printable(text) == says
    assert str(DataError(text)) == says


def test_long_names_and_messages_are_cut_in_the_middle():
    assert named("a" * 28 + "b" * 100_000 + "c" * 28) == "a" * 28 + "..." + "c" * 28
    assert named("short") == "short"
    line = one_line(f"table.csv:7: {'x' * 10**6}; mend it")
    assert line.startswith("table.csv:7: x")
    assert line.endswith("x; mend it")
    assert len(line) <= MOST_IN_LINE
    assert len(shown("y" * 10**5)) == 60


def test_of_many_names_the_first_are_listed():
    assert listed(["a", "b\n", "c"], 2) == r"a, b\n and 1 more"
    assert listed(["a"], 2) == "a"


def test_a_near_word_is_found_among_very_many_and_very_long_ones():
    began = time.process_time()
    known = ["sales", *("x" * 60_000 for _ in range(20)), *(f"c{n}" for n in range(10_000))]
    assert did_you_mean("saels", known) == "did you mean 'sales'?"
    assert len(did_you_mean("z" * 10**5, known)) < 2000
    assert time.process_time() - began < 5


def test_an_error_goes_through_a_pickle():
    error = pickle.loads(pickle.dumps(DataError("a\nb")))
    assert (type(error), str(error)) == (DataError, r"a\nb")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("s3://key:secret@host/a: gone", "s3://***@host/a: gone"),
        ("http://token@host/a http://b/c@d", "http://***@host/a http://b/c@d"),
        ("file:///a@b me@host", "file:///a@b me@host"),
    ],
)
def test_no_line_holds_a_password(text, line):
    assert one_line(text) == line


def test_a_log_line_is_one_line():
    name = "x\n2026-01-01 00:00:00,000 ERROR model replaced"
    record = logging.LogRecord("forecast", logging.WARNING, "", 0, "skipped %s", (name,), None)
    line = LineFormatter("%(levelname)s: %(message)s").format(record)
    assert line == r"WARNING: skipped x\n2026-01-01 00:00:00,000 ERROR model replaced"
