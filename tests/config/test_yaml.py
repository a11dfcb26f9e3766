"""The strict YAML reader: JSON and hand-written values as oracles, and everything it refuses."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.yaml import MAX_BYTES, MAX_DEPTH, read_yaml, scalar, write_yaml
from forecast.errors import ConfigError
from tests.helpers import refusal

numbers = st.integers(1 - 10**39, 10**40 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def trees(texts, deepest=6):
    """Values that YAML and JSON share, lists as tuples."""
    leaves = st.none() | st.booleans() | numbers | texts
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4).map(tuple) | st.dictionaries(texts, inner, max_size=4)
        ),
        max_leaves=deepest,
    )


printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8)


def same(left, right):
    """Equal in value and type, so that 1, 1.0 and true are told apart."""
    if isinstance(left, tuple):
        return (
            isinstance(right, tuple)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and list(left) == list(right)
            and all(same(left[key], right[key]) for key in left)
        )
    return type(left) is type(right) and left == right


def refused(text):
    """The one line with which the reader refuses a text."""
    return refusal(read_yaml, text, "c.yaml", error=ConfigError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1.5e+2", 150.0),
        ("+.5", 0.5),
        ("-1.", -1.0),
        ("0.1", 0.1),
        ("12", 12),
        ("-0", 0),
        ("+7", 7),
        ("010", 10),
        ("9" * 40, 10**40 - 1),
        ("9" * 41, 1e41),
        ("9" * 5000, math.inf),
        ("1e999", math.inf),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_numbers_and_constants(text, value):
    assert same(scalar(text), value)


WORDS = """
no yes on off y n tRUE nUll inf nan Infinity .infinity 1_000 0x10 0o17 2020-01-01 12:30:45 <<
1e e5 . + 1.2.3 1e-3x 1e5.5 --1 .e3 ٣ ½
"""


@pytest.mark.parametrize("text", WORDS.split())
def test_everything_else_is_text(text):
    assert scalar(text) is text
    assert read_yaml(f"a: {text}", "c").value["a"] == text


def test_nan():
    assert math.isnan(scalar(".nan"))
    assert math.isnan(read_yaml("a: .NaN", "c").value["a"])


@given(numbers)
def test_python_numbers_read_back(number):
    assert same(scalar(repr(number)), number)


def test_a_document_of_every_kind():
    text = """
# a comment
path: data/a b.csv   # trailing
quoted: '1e-3'
double: "tab\\tand é"
empty:
nothing: {}
none: []
list: [1, 2.5, x, [y]]
block:
  - a: 1
    b: no
  - c
folded: >
  one
  two
literal: |
  1
plain: one
  two
"""
    assert read_yaml(text, "c").value == {
        "path": "data/a b.csv",
        "quoted": "1e-3",
        "double": "tab\tand é",
        "empty": None,
        "nothing": {},
        "none": (),
        "list": (1, 2.5, "x", ("y",)),
        "block": ({"a": 1, "b": "no"}, "c"),
        "folded": "one two\n",
        "literal": "1\n",
        "plain": "one two",
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~"])
def test_an_empty_document_has_no_value(text):
    assert read_yaml(text, "c").value is None


def test_keys_are_text_however_they_are_written():
    assert read_yaml("1: a\n'2': b\nnull: c\n1e-3: d\n", "c").value == {
        "1": "a",
        "2": "b",
        "null": "c",
        "1e-3": "d",
    }


@given(trees(printable))
def test_json_is_read_as_json_says(value):
    text = json.dumps({"root": value}, ensure_ascii=False)
    assert same(read_yaml(text, "c").value["root"], value)


@given(trees(st.text(max_size=12)), st.text())
def test_what_is_written_reads_back(value, long_text):
    value = {"root": value, "long": " ".join([long_text] * 12)}
    assert same(read_yaml(write_yaml(value), "c").value, value)


@pytest.mark.parametrize(
    "text",
    [
        "1e-3",
        "1e5",
        ".5e3",
        "null",
        "",
        "no",
        "2020-01-01",
        "% 5",
        "a: b",
        "\x85",
        "\u2028",
        "a\nb",
    ],
)
def test_text_that_looks_like_something_else_is_written_in_quotes(text):
    assert read_yaml(write_yaml({"a": text, text: 1}), "c").value == {"a": text, text: 1}


def test_the_same_list_twice_is_written_twice():
    shared = ["a", "b"]
    assert read_yaml(write_yaml({"x": shared, "y": shared}), "c").value == {
        "x": ("a", "b"),
        "y": ("a", "b"),
    }


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=8))
def test_every_key_and_item_has_its_line(layout):
    written, expected = [], {}
    for number, (blanks, items) in enumerate(layout):
        written += ["# nothing"] * blanks
        expected[(f"key{number}",)] = len(written) + 1
        written.append(f"key{number}:" + (" x" if not items else ""))
        for item in range(items):
            expected[(f"key{number}", item)] = len(written) + 1
            expected[(f"key{number}", item, "inner")] = len(written) + 1
            written.append(f"  - inner: {item}")
    lines = dict(read_yaml("\n".join(written), "c").lines)
    assert lines.pop(()) == expected[("key0",)]
    assert lines == expected


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("a: [\ud800]", 1, [r"'\ud800' is no text; take it out"]),
        ("a:\n\tb: 1\n", 2, ["cannot start any token", "indent with spaces"]),
        ("a: 1\nb: %Y\n", 2, ["cannot start any token", "quote a value that begins with %"]),
        ("a: 1\nb: @x\n", 2, ["quote a value"]),
        ("a: b: c\n", 1, ["mapping values are not allowed"]),
        ("a: 'x\n", 2, ["quoted scalar"]),
        ("a: [1, 2\n", 2, ["flow sequence", "expected ',' or ']'"]),
        ("a: 1\n  b: 2\n", 2, ["mapping values are not allowed"]),
        ("a: 1\n- b\n", 2, ["block mapping"]),
    ],
)
def test_broken_yaml_names_the_line(text, line, parts):
    message = refused(text)
    assert message.startswith(f"c.yaml:{line}: not valid YAML: ")
    assert all(part in message for part in parts)


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_depth_has_a_limit(opening):
    closing = {"[": "]", "{a: ": "}"}[opening]
    allowed = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
    assert read_yaml(allowed, "c.yaml").value
    deeper = "\n" + opening + allowed + closing
    assert refused(deeper) == f"c.yaml:2: nested deeper than {MAX_DEPTH} levels"


def test_size_has_a_limit():
    assert read_yaml("#" * MAX_BYTES, "c.yaml").value is None
    assert refused("#" * (MAX_BYTES + 1)) == (
        "c.yaml: 262145 characters; a configuration has at most 262144"
    )


@given(st.text(st.sampled_from("a1.:-?,[]{}#&*!|>'\"%@` \n\t~é\x00<"), max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        read_yaml(text, "c.yaml")
        return
    except ConfigError as error:
        said = str(error)
    assert said.startswith("c.yaml")
    assert "\n" not in said


@given(st.text(max_size=30), st.text(min_size=1, max_size=5))
def test_what_is_written_is_printable_and_reads_back_equal(value, key):
    text = write_yaml({key: value})
    assert all(line.isprintable() for line in text.split("\n"))
    assert read_yaml(text, "c").value == {key: value}
