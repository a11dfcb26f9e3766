"""Random changes: of bytes, of JSON trees, and of checkpoints whose digest is made right again."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Random = np.random.Generator
Item = TypeVar("Item")

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        10**6,
        2**31,
        2**63,
        -(2**63),
        10**30,
        1e308,
        -0.0,
        1e-320,
    ),
    *(float("nan"), float("inf"), "", "a", "auto", "0", "1e9", "\0", "\ud800", "é\n", "x" * 5000),
    *([], {}, [[]], [None], {"": 0}, [1, 2, 3], {"a": {"b": []}}, [0] * 3000),
    *("os.system", "subprocess.Popen", "builtins.eval", "__import__('os').system('true')"),
    *({"_target_": "os.system"}, {"__class__": "os.system"}, "!!python/name:os.system"),
)
"""Among them what makes other readers run code."""


def pick(random: Random, items: Sequence[Item]) -> Item:
    """One of some items."""
    return items[int(random.integers(len(items)))]


def flipped(random: Random, data: bytes) -> bytes:
    """With one bit changed."""
    changed = bytearray(data)
    changed[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def truncated(random: Random, data: bytes) -> bytes:
    """Cut off anywhere."""
    return data[: int(random.integers(len(data)))]


def mutated(random: Random, data: bytes, other: bytes = b"") -> bytes:
    """With one to four changes: bits, bytes, stretches doubled, removed, swapped or foreign."""
    for _ in range(int(random.integers(1, 5))):
        if not data:
            return data
        start = int(random.integers(len(data)))
        end = min(len(data), start + int(2 ** random.uniform(0, 10)))
        piece = data[start:end]
        other_start = int(random.integers(len(other))) if other else 0
        foreign = other[other_start : other_start + len(piece)]
        data = pick(
            random,
            [
                flipped(random, data),
                data[:start] + random.bytes(len(piece)) + data[end:],
                data[:start] + data[end:],
                data[:end] + piece + data[end:],
                data[:start] + piece[::-1] + data[end:],
                data[:start] + foreign + data[end:],
                data[:start] + b"\0" * len(piece) + data[end:],
            ],
        )
    return data


def with_another_value(random: Random, tree: Any) -> Any:
    """A JSON tree in which one node was replaced, removed, renamed or doubled."""
    tree = copy.deepcopy(tree)
    nodes = [node for node in _nodes(tree) if node]
    if not nodes:
        return pick(random, VALUES)
    node = pick(random, nodes)
    key = pick(random, list(node) if isinstance(node, dict) else list(range(len(node))))
    match int(random.integers(8)):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[str(pick(random, VALUES))[:50]] = node.pop(key)
        case 2 if isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
        case 3 if isinstance(node[key], int | float) and node[key]:
            node[key] = node[key] * pick(random, (-1, 2, 3, 1000, 0.5, 10**6))
        case _:
            node[key] = pick(random, VALUES)
    return tree


def _nodes(tree: Any) -> list[Any]:
    if not isinstance(tree, dict | list):
        return []
    values = tree.values() if isinstance(tree, dict) else tree
    return [tree, *(node for value in values for node in _nodes(value))]


def signed(header: dict[str, Any], body: bytes) -> bytes:
    """A checkpoint whose digest is right, whatever else stands in it."""
    written = header.get("__metadata__", {})
    metadata = {"sha256": "0" * 64, **{k: v for k, v in written.items() if k != "sha256"}}
    rest = {key: value for key, value in header.items() if key != "__metadata__"}
    text = json.dumps({"__metadata__": metadata, **rest}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = len(text).to_bytes(8, "little") + text + body
    at = data.index(b"0" * 64)
    digest = hashlib.sha256(data[:at] + data[at + 64 :]).hexdigest().encode()
    return data[:at] + digest + data[at + 64 :]


def unsigned(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a checkpoint."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def mutated_checkpoint(random: Random, data: bytes) -> bytes:
    """With changed content, tensors or header, and the right digest of that."""
    header, body = unsigned(data)
    match int(random.integers(4)):
        case 0:
            body = mutated(random, body)
        case 1:
            header = with_another_value(random, header)
        case _:
            content = json.loads(header["__metadata__"]["content"])
            for _ in range(int(random.integers(1, 4))):
                content = with_another_value(random, content)
            header["__metadata__"]["content"] = json.dumps(content)
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        header = {}
    return signed(header, body)
