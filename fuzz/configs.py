"""Promise 9: a bad configuration ends in one line, in bounded time and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzz.calls import call
from fuzz.material import ROOT, Material, random_of
from fuzz.mutations import VALUES, mutated, pick, with_another_value

Random = np.random.Generator

MOST_CPU = 1.0
"""Seconds of processor time, which other programs do not lengthen."""
MOST_MEMORY = 200
"""MB above what the process held before."""
TEXTS = tuple((ROOT / "configs" / f"{name}.yaml").read_bytes() for name in ("macro", "reference"))
NUMBERS: tuple[str, ...] = (
    "1" + "0" * 40,
    "9" * 5000,
    "1e999",
    "-1",
    "0",
    "1000000000",
    "1e9",
    "2147483648",
    "0.0",
)
NUMBERS += ("9223372036854775808", "1e-320", ".nan", "-.inf", "0x7f", "1_000", "1:30:00", "1e18")
KEYS: tuple[str, ...] = (
    "seed",
    "window.lookback",
    "window.horizon",
    "window.stride",
    "model.hidden_size",
)
KEYS += ("model.num_layers", "model.segment", "training.epochs", "training.batch_size")
KEYS += ("training.ensemble", "training.learning_rate", "training.lr_range.steps")
KEYS += ("training.lr_range.seeds", "split.validation", "split.test", "data.season", "device")
VALID = b"data: {path: ../data/air_passengers.csv, time: month, target: passengers}\n"


def check(number: int, _: Material, scratch: Path) -> str | None:
    """Let the program read a configuration, and check its data where it is a good one."""
    random = random_of(9, number)
    kind = pick(random, list(ATTACKS))
    path = scratch / "config.yaml"
    path.write_bytes(ATTACKS[kind](random))
    path.write_bytes(path.read_bytes().replace(b"../data/", f"{ROOT / 'data'}/".encode()))
    fault = _bounded(lambda: _shown(path))
    return fault and f"{kind}: {fault}"


def _shown(path: Path) -> str | None:
    shown = call("config", "show", str(path))
    if shown.code != 0:
        return shown.fault(2)
    # Partners only make the trial longer by which a training's time is told.
    words = ("--quiet", "device=cpu", "partners=[]")
    return call("check", str(path), *words).fault(0, 2, 3, 4)


def _bounded(action: Callable[[], str | None]) -> str | None:
    idle = _peak(reset=True)
    began = time.process_time()
    fault = action()
    seconds, grown = time.process_time() - began, _peak() - idle
    if seconds > MOST_CPU:
        return f"{seconds:.2f} s of processor time"
    return f"{grown:.0f} MB" if grown > MOST_MEMORY else fault


def _peak(reset: bool = False) -> float:
    """MB that this process held at most since the last reset; 0 where the system cannot say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return float(line.split()[1]) / 1024


def _any_bytes(random: Random) -> bytes:
    return mutated(random, pick(random, TEXTS), pick(random, TEXTS))


def _other_values(random: Random) -> bytes:
    tree: Any = yaml.safe_load(pick(random, TEXTS))
    for _ in range(int(random.integers(1, 4))):
        tree = with_another_value(random, tree)
    text = json.dumps(tree) if random.random() < 0.5 else yaml.safe_dump(tree)
    return text.encode(errors="replace")


def _numbers(random: Random) -> bytes:
    lines = [f"{_nested(pick(random, KEYS), pick(random, NUMBERS))}\n" for _ in range(2)]
    return VALID + "".join(lines[: int(random.integers(1, 3))]).encode()


def _nested(key: str, value: str) -> str:
    for part in reversed(key.split(".")[1:]):
        value = f"{{{part}: {value}}}"
    return f"{key.split('.')[0]}: {value}"


def _deep(random: Random) -> bytes:
    depth = int(2 ** random.uniform(1, 17))
    opened = pick(random, ("[", "{a: ", "- ", "? ", "{[", "!!map {? ", "&a ["))
    closed = pick(random, ("", "]" * depth, "}" * depth))
    return VALID * int(random.integers(2)) + b"model: " + (opened * depth + closed).encode()


def _bomb(random: Random) -> bytes:
    width, depth = int(random.integers(2, 12)), int(random.integers(2, 30))
    lines = ["a0: &a0 lol"]
    for level in range(1, depth):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]")
    merged = ["b: &b {x: 1}", "data: {<<: *b, <<: *b}"]
    return "\n".join(pick(random, (lines, merged))).encode()


def _long(random: Random) -> bytes:
    size = int(2 ** random.uniform(1, 19))
    unit = pick(random, ("a", "a, ", "#", " ", "\n", "'", "a: 1\n", "- 1\n", "\t", "é", "?", "0"))
    around = pick(random, ("data: [{}]", "{}", "seed: {}", '"{}"', "data: {{path: {}}}", "{}: 1"))
    return around.format(unit * size).encode()


def _doubled(random: Random) -> bytes:
    lines = pick(random, TEXTS).splitlines(keepends=True)
    for _ in range(int(random.integers(1, 4))):
        place = int(random.integers(len(lines)))
        lines.insert(int(random.integers(len(lines))), lines[place])
    return b"".join(lines)


def _encoded(random: Random) -> bytes:
    text = pick(random, TEXTS).decode()
    encoding = pick(random, ("utf-16", "utf-32", "utf-8-sig", "utf-7", "cp037", "latin-1"))
    return text.encode(encoding, errors="replace")


def _values(random: Random) -> bytes:
    key = pick(random, KEYS)
    value = json.dumps(pick(random, VALUES))
    return VALID + _nested(key, value).encode()


ATTACKS: dict[str, Callable[[Random], bytes]] = {
    "any bytes": _any_bytes,
    "other values": _other_values,
    "numbers": _numbers,
    "deep": _deep,
    "bomb": _bomb,
    "long": _long,
    "doubled": _doubled,
    "encoded": _encoded,
    "values": _values,
}
