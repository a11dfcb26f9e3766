"""Checkpoints: tensors and JSON in one safetensors file, with a digest; loading runs no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from forecast.errors import DataError
from forecast.files import write_atomically

FORMAT = 1
"""Version of what stands in the file; a newer one is refused."""


def save_checkpoint(path: Path, kind: str, tensors: Mapping[str, Tensor], content: Any) -> None:
    """Write tensors and JSON content atomically.

    Args:
        path: the file.
        kind: what it is for, e.g. model or resume; loading asks for the same.
        tensors: any dtypes and devices.
        content: what JSON can hold.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(content, allow_nan=True, separators=(",", ":"))
    header = {"format": str(FORMAT), "kind": kind, "content": text, "sha256": _digest(plain, text)}
    write_atomically(path, safetensors.torch.save(plain, metadata=header))


def load_checkpoint(path: Path, kind: str) -> tuple[dict[str, Tensor], Any]:
    """Read what `save_checkpoint` wrote.

    Returns:
        Tensors on the CPU, and the content.

    Raises:
        DataError: in one line, for a file that is missing, foreign, newer, truncated or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give the folder of a finished run") from None
    header = _header(data, path)
    if not header.get("format", "").isdigit() or header.get("kind") != kind:
        raise DataError(f"{path}: not a {kind} checkpoint of this program")
    if int(header["format"]) > FORMAT:
        raise DataError(
            f"{path}: format {header['format']} is newer than this program reads ({FORMAT});"
            " update forecast"
        )
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path}: truncated or damaged: {error}") from None
    if _digest(tensors, header.get("content", "")) != header.get("sha256"):
        raise DataError(f"{path}: damaged, its content does not match its digest; copy it again")
    return tensors, json.loads(header["content"])


def _header(data: bytes, path: Path) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    try:
        if not 0 < length <= len(data) - 8:
            raise ValueError
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        return {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{path}: not a checkpoint of this program, or truncated") from None


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
