"""Large and malicious configurations are read or refused in one line, and soon."""

import json
import subprocess
import sys

import pytest

from forecast.config.yaml import MAX_BYTES
from tests.config.helpers import DATA


def bomb():
    """A billion laughs: nine levels of ten references each."""
    levels = ["a0: &a0 [" + ",".join(["lol"] * 10) + "]"]
    for level in range(1, 10):
        references = ",".join([f"*a{level - 1}"] * 10)
        levels.append(f"a{level}: &a{level} [{references}]")
    return "\n".join(levels)


def listed(entry, count=MAX_BYTES // 2 - 100):
    return "[" + f"{entry}," * (count // len(entry)) + "]"


def numbered(separator, count=20_000):
    return separator.join(f"k{number}: 1" for number in range(count))


DEEP, TWICE = "nested deeper than 20 levels", "appears twice; keep one"
TEXTS = {
    "bomb": (bomb(), "anchors and aliases are not allowed; write the value out"),
    "lists": ("[" * MAX_BYTES, DEEP),
    "maps": ("{a: " * (MAX_BYTES // 4), DEEP),
    "items": ("- " * (MAX_BYTES // 2), DEEP),
    "keys": ("? " * (MAX_BYTES // 2), "a key must be a word"),
    "duplicates": ("k: 1\n" * 52_000, TWICE),
    "long key in braces": (f"{{'{'k' * 100_000}': 1, '{'k' * 100_000}': 2}}", "not valid YAML"),
    "quote": ("'" + "x\n" * 131_000, "not valid YAML"),
    "a long list": (listed("1"), "holds no keys"),
    "nested": ("- {a: [b, 1e-3]}\n" * 15_000, "holds no keys"),
    "targets": (f"data: {{path: a, target: {listed('a')}}}", "is there twice"),
    "wrong targets": (f"data: {{path: a, target: {listed('1')}}}", "must be text"),
    "columns": (f"data: {{path: a, past: [{numbered(',').replace(': 1', '')}]}}", None),
    "transforms": (f"{DATA}transforms: {listed('log')}", None),
    "wrong names": (f"{DATA}transforms: {listed('lg')}", "unknown name 'lg'"),
    "unknown keys": (DATA + numbered("\n"), "unknown key"),
    "unknown options": (f"data: {{path: a, past: [{{c: {{{numbered(',')}}}}}]}}", "unknown key"),
    "weights": (f"{DATA}training: {{step_weights: {listed('x')}}}", "must be a number"),
    "sizes": (f"{DATA}model: {{hidden_size: {listed('x')}}}", "must be a whole number"),
    "long word": (f"{DATA}training: {{loss: {'v' * 250_000}}}", "unknown name"),
    "long key": (f"{DATA}{{'{'k' * 250_000}': 1}}", "not valid YAML"),
    "long zone": (f"data: {{path: a, timezone: {'v' * 250_000}}}", "is no time zone"),
    "long date": (f"{DATA}split: {{test: '{'1' * 250_000}'}}", "is no date"),
}
"""Name: text, and a part of what is said of it; None: it is accepted."""

READ_ALL = """
import json, sys, time
from forecast.config.tree import build_config
from forecast.config.yaml import read_yaml
results = []
for text in json.load(sys.stdin):
    began = time.process_time()
    try:
        build_config(read_yaml(text, "c.yaml"), "c.yaml")
        said = None
    except ValueError as error:
        said = str(error)
    results.append((time.process_time() - began, said))
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def measured():
    """Seconds and message of each text, read as users read it: without checks of types."""
    texts = json.dumps([text for text, _ in TEXTS.values()])
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL], input=texts, capture_output=True, text=True, check=True
    )
    return dict(zip(TEXTS, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_is_accepted_or_refused_in_one_line(measured, name):
    text, part = TEXTS[name]
    assert MAX_BYTES / 3 < len(text) <= MAX_BYTES or name == "bomb"
    _, said = measured[name]
    if part is None:
        assert said is None
    else:
        assert part in said
        assert "\n" not in said
        assert len(said) < 400


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_any_text_takes_less_than_a_second(measured, name):
    assert measured[name][0] < 1
