"""Promise 1: no file makes the program run code, start a process or write elsewhere."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from fuzz import imports  # noqa: F401 - what a command imports is no file's doing
from fuzz.calls import call
from fuzz.material import Material, copied, random_of
from fuzz.mutations import mutated, mutated_checkpoint, pick, signed, truncated, unsigned
from fuzz.sandbox import watched

CODES = (0, 2, 3, 4)
COMMAND = "touch executed"
PATHS = ("os.system", "subprocess.Popen", "builtins.eval", "torch.load", "fuzz.evil.run", "evil")


class Bomb:
    """Unpickling it would start a process."""

    def __reduce__(self) -> tuple[Any, ...]:
        """The command."""
        import os

        return os.system, (COMMAND,)


def pickles() -> list[bytes]:
    """Bombs in every wrapping that some reader of models opens."""
    plain = [pickle.dumps(Bomb(), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    zipped, legacy, array, archive = (io.BytesIO() for _ in range(4))
    torch.save({"bomb": Bomb()}, zipped)
    torch.save({"bomb": Bomb()}, legacy, _use_new_zipfile_serialization=False)
    np.save(array, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", plain[2])
        file.writestr("archive/version", "3")
    return [*plain, *(buffer.getvalue() for buffer in (zipped, legacy, array, archive))]


def polyglots(checkpoint: bytes) -> list[bytes]:
    """Files that are a checkpoint to one reader and a bomb to another."""
    header, body = unsigned(checkpoint)
    plain = safetensors.numpy.save({"x": np.ones(3)}, {"__reduce__": "os.system"})
    bombs = pickles()
    inside = [signed(header, body + bomb) for bomb in bombs]
    behind = [checkpoint + bomb for bomb in bombs]
    before = [struct.pack("<Q", len(bomb)) + bomb + checkpoint for bomb in bombs]
    return [plain, *inside, *behind, *before]


def yaml_bombs() -> list[bytes]:
    """Configurations that make a careless reader import, call or write."""
    tags = ("object/apply:os.system", "object/new:os.system", "name:os.system", "module:evil")
    values = [f'!!python/{tag} ["{COMMAND}"]' for tag in tags]
    values += [f'!<tag:yaml.org,2002:python/object/apply:subprocess.Popen> ["{COMMAND}"]']
    values += [*PATHS, "{_target_: os.system}", "{class_path: os.system, init_args: [touch x]}"]
    values += ["${oc.env:HOME}", "{{ 7*7 }}", "!include /etc/passwd", "`touch x`", "$(touch x)"]
    values += [f"{{{path}: {{args: [{COMMAND}]}}}}" for path in PATHS]
    keys: tuple[str, ...] = (
        "seed",
        "device",
        "model.cell",
        "training.loss",
        "training.optimizer",
        "transforms",
    )
    keys += ("data.path", "data.time_format", "data.calendar", "model", "data", "<<", "__class__")
    return [_placed(key, value).encode() for key in keys for value in values]


def _placed(key: str, value: str) -> str:
    section, _, option = key.partition(".")
    own = f"{section}: {{{option}: {value}}}" if option else f"{section}: {value}"
    rest = "" if section == "data" else "data: {path: data.csv, time: month, target: passengers}\n"
    return f"{rest}{own}\n"


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Let the program read one file; gives what went wrong."""
    random = random_of(1, number)
    slot = pick(random, SLOW if random.random() < SLOW_SHARE else QUICK)
    data = _file(random, slot, material)
    words = SLOTS[slot](data, material, scratch)
    with watched(scratch) as seen:
        result = call(*words)
    if seen:
        return f"{slot}: {seen[0]}"
    if (scratch / "executed").exists() or Path("executed").exists():
        return f"{slot}: the command was executed"
    return result.fault(*CODES)


def _file(random: np.random.Generator, slot: str, material: Material) -> bytes:
    """Crafted, or mutated with or without its digest made right."""
    real = material.files[WHERE[slot]]
    choice = random.random()
    if choice < 0.3:
        crafted = [*pickles(), *polyglots(material.files[WHERE["model"]]), *yaml_bombs()]
        return pick(random, crafted)
    if choice < 0.4:
        return truncated(random, real)
    if slot in ("model", "resume") and choice < 0.8:
        return mutated_checkpoint(random, real)
    return mutated(random, real, pick(random, list(material.files.values())))


def _model(data: bytes, _: Material, scratch: Path) -> tuple[str, ...]:
    path = scratch / "model.safetensors"
    path.write_bytes(data)
    return "predict", str(path)


def _resume(data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    run = copied(material.interrupted, scratch / "run")
    (run / "resume.safetensors").write_bytes(data)
    return "train", "--resume", str(run), "--quiet"


def _config(data: bytes, _: Material, scratch: Path) -> tuple[str, ...]:
    path = scratch / "config.yaml"
    path.write_bytes(data)
    return "config", "show", str(path)


def _table(data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    path = scratch / "table.csv"
    path.write_bytes(data)
    return "predict", str(material.run("air_passengers")), "--data", str(path)


def _parquet(data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    path = scratch / "table.parquet"
    path.write_bytes(data)
    return "predict", str(material.run("air_passengers")), "--data", str(path)


def _log(data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    return _report("metrics.jsonl", data, material, scratch)


def _environment(data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    return _report("environment.json", data, material, scratch)


def _report(name: str, data: bytes, material: Material, scratch: Path) -> tuple[str, ...]:
    run = copied(material.run("air_passengers"), scratch / "run")
    (run / name).write_bytes(data)
    return "report", str(run), "--quiet"


SLOTS: dict[str, Callable[[bytes, Material, Path], tuple[str, ...]]] = {
    "model": _model,
    "resume": _resume,
    "config": _config,
    "table": _table,
    "parquet": _parquet,
    "log": _log,
    "environment": _environment,
}
SLOW = ("log", "environment")
SLOW_SHARE = 0.02
"""A report takes a hundred times as long as the other commands."""
QUICK = tuple(name for name in SLOTS if name not in SLOW)
WHERE = {
    "model": "air_passengers/model.safetensors",
    "resume": "interrupted/resume.safetensors",
    "config": "interrupted/config.yaml",
    "table": "air_passengers/forecast.csv",
    "parquet": "table.parquet",
    "log": "air_passengers/metrics.jsonl",
    "environment": "air_passengers/environment.json",
}
