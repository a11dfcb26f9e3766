"""Checkpoints: tensors and JSON in one safetensors file, with a digest; loading runs no code."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from forecast.errors import DataError
from forecast.runs.files import is_stream, write_atomically

LARGE = 2**28
"""Bytes of a file that is looked at before all of it is read."""
FORMAT = 1
"""Version of what stands in the file; a newer one is refused."""
FOREIGN = "not a checkpoint of this program, or truncated; copy it again, or give another run"
"""Of bytes that are none."""

_START = b'{"__metadata__":{"sha256":"'
_DIGEST = slice(8 + len(_START), 8 + len(_START) + 64)
"""Where the digest stands, of all bytes but its own."""


def save_checkpoint(path: Path, kind: str, tensors: Mapping[str, Tensor], content: Any) -> None:
    """Write tensors and JSON content atomically.

    Args:
        path: the file.
        kind: what it is for, "model" or "resume"; loading asks for the same.
        tensors: on any device, of any dtype that safetensors has.
        content: what JSON can hold, and NaN.

    Raises:
        OSError: if it cannot be written; the old file is untouched.
    """
    write_atomically(path, packed(kind, tensors, content))


def packed(kind: str, tensors: Mapping[str, Tensor], content: Any) -> bytes:
    """The bytes of a checkpoint.

    Args:
        kind, tensors, content: as for `save_checkpoint`.
    """
    text = json.dumps(content, allow_nan=True, separators=(",", ":"))
    header = {"sha256": "0" * 64, "format": str(FORMAT), "kind": kind, "content": text}
    data = _with_header(safetensors.torch.save(_plain(tensors)), header)
    digest = _digest(data).encode()
    return data[: _DIGEST.start] + digest + data[_DIGEST.stop :]


def load_checkpoint(path: Path, kind: str) -> tuple[dict[str, Tensor], Any]:
    """Read what `save_checkpoint` wrote.

    Args:
        path: the file.
        kind: what it must be for.

    Returns:
        Tensors on the CPU, and the content.

    Raises:
        DataError: in one line, for a file that is missing, foreign, newer, truncated or damaged.
    """
    if is_stream(path) and not path.is_dir():  # reading it might never end
        raise DataError(f"{path}: is no file; give the folder of a finished run")
    try:
        _require_size(path)
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give the folder of a finished run") from None
    return unpacked(data, path, kind)


def unpacked(data: bytes, path: Path | str, kind: str) -> tuple[dict[str, Tensor], Any]:
    """The tensors and the content of a checkpoint, from its bytes.

    Args:
        data: what `packed` made.
        path: names it in messages.
        kind: that it must have.

    Raises:
        DataError: if it is damaged, of another kind, or of a newer version.
    """
    header = _header(data, path)
    version = header.get("format", "")
    if header.get("kind") != kind or not re.fullmatch("[1-9][0-9]{0,3}", version):
        raise DataError(f"{path}: not a {kind} checkpoint of this program")
    if int(version) > FORMAT:
        raise DataError(
            f"{path}: format {version} is newer than this program reads ({FORMAT}); update forecast"
        )
    if _digest(data).encode() != data[_DIGEST]:
        raise DataError(
            f"{path}: truncated or damaged, it does not match its digest; copy it again"
        )
    try:
        return safetensors.torch.load(data), json.loads(header["content"])
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        raise DataError(f"{path}: not a {kind} checkpoint of this program") from None


def digest_in(path: Path) -> str:
    """The digest that a checkpoint names, by which others are told from it; empty: none."""
    if is_stream(path):  # reading it might never end
        return ""
    try:
        with path.open("rb") as file:
            return file.read(_DIGEST.stop)[_DIGEST].decode("ascii", "replace")
    except OSError:
        return ""


def _require_size(path: Path) -> None:
    """Refuse a large file that has another size than its head tells, before it is read.

    Raises:
        DataError: for such a file.
        OSError: if it cannot be opened.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= LARGE:
            return
        length = int.from_bytes(file.read(8), "little")
        head = file.read(min(length, LARGE))
    try:
        tensors = {**json.loads(head), "__metadata__": {"data_offsets": [0, 0]}}
        told = 8 + length + max(tensor["data_offsets"][1] for tensor in tensors.values())
    except (ValueError, LookupError, TypeError, RecursionError):
        told = -1
    if told != size:
        raise DataError(f"{path}: {FOREIGN}")


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, because safetensors refuses tensors that share memory."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _with_header(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file with metadata, the same in every process.

    safetensors itself writes metadata in the order of a randomly seeded hash table.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = {"__metadata__": dict(metadata), **json.loads(data[8:end])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[end:]


def _header(data: bytes, path: Path | str) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    try:
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        return {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{path}: {FOREIGN}") from None


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(data[: _DIGEST.start])
    digest.update(memoryview(data)[_DIGEST.stop :])
    return digest.hexdigest()
