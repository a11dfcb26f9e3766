"""Promise 1: the name of a table is the name of a local file, whatever address it looks like."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from fuzz.calls import Call, call
from fuzz.material import ROOT, Material
from fuzz.sandbox import watched

NAMES = (
    "reference://x::refs.json",
    "http://127.0.0.1:9/x",
    "https://127.0.0.1:9/x",
    "ftp://127.0.0.1:9/x",
    "s3://bucket/x",
    "file://x",
    "memory://x",
    "simplecache::http://127.0.0.1:9/x",
    "zip://x::archive.zip",
    "local://x",
    "~/x",
    "[a-z]*?",
    "x.gz",
)
"""What some reader of tables follows, unpacks, or takes for a pattern."""
WAYS = ("check", "init", "predict")
SUFFIXES = (".csv", ".parquet", "")
SIZE = len(NAMES) * len(WAYS) * len(SUFFIXES)
CONFIG = ROOT / "configs" / "air_passengers.yaml"


def old_fsspec(asked: list[str]) -> ModuleType:
    """An fsspec that opens any address, as old ones did, whose references run shell commands.

    Args:
        asked: gets every address that it is asked to open; a command is not run.
    """
    module = ModuleType("fsspec")

    def follow(address: Any, *_: object, **__: object) -> Any:
        asked.append(str(address))
        return contextlib.nullcontext(io.BytesIO(b"month,passengers\n1949-01-01,1\n"))

    for name in ("open", "open_files", "filesystem", "url_to_fs", "get_fs_token_paths"):
        setattr(module, name, follow)
    module.__version__ = "2026.4.0"  # type: ignore[attr-defined]
    return module


@contextlib.contextmanager
def _old_fsspec_at(folder: Path) -> Iterator[list[str]]:
    """Within a folder, with an old fsspec in place of the one that is installed."""
    asked: list[str] = []
    installed = importlib.import_module("fsspec")
    sys.modules["fsspec"] = old_fsspec(asked)
    try:
        with contextlib.chdir(folder):
            yield asked
    finally:
        sys.modules["fsspec"] = installed


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Read a table whose name looks like an address; it must be read like one of a plain name."""
    way = WAYS[number % len(WAYS)]
    suffix = SUFFIXES[number // len(WAYS) % len(SUFFIXES)]
    name = f"{NAMES[number // len(WAYS) // len(SUFFIXES) % len(NAMES)]}{suffix}"
    plain = f"plain{suffix}"
    is_parquet = suffix == ".parquet"
    table = material.files["table.parquet"] if is_parquet else material.tables["air_passengers"]
    for each in (plain, name):
        (scratch / each).parent.mkdir(parents=True, exist_ok=True)
        (scratch / each).write_bytes(table)
    with _old_fsspec_at(scratch) as asked:
        expected = _plainly(way, plain, material)  # what it imports is no name's doing
        with watched(scratch) as seen:
            found = _read(way, name, material)
    if asked or seen:
        return f"{way} {name}: {[*asked, *seen][0]} was followed"
    if found.code != 0 or _said(way, found) != expected:
        return f"{way} {name}: not read as the file of that name: {found.err.strip()[-300:]}"
    return None


@cache
def _plainly(way: str, table: str, material: Material) -> Any:
    """What a command says of the table under a plain name, which is the same in any folder."""
    return _said(way, _read(way, table, material))


def _read(way: str, table: str, material: Material) -> Call:
    """The table as training data, for a new configuration, or as new values of a model."""
    if way == "check":
        path = f"data.path={json.dumps(table)}"
        return call("check", str(CONFIG), "device=cpu", "model.hidden_size=3", path, "--json")
    if way == "init":
        return call("config", "init", table)
    return call("predict", str(material.run("air_passengers").resolve()), "--data", table)


def _said(way: str, result: Call) -> Any:
    """What a command said of the table, but for its name and how long a training would take."""
    if way == "predict":
        return result.out
    said = yaml.safe_load(result.out)
    unnamed = {**said["data"], "source": None, "path": None}
    training = {**said.get("training", {}), "max_minutes": None}
    times = {"seconds": None, "training_seconds": None}
    return {**said, "data": unnamed, "training": training, **times}
