"""Choice of the device, and random states that leave the caller's alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from forecast.errors import DeviceError

SMALL_WORK = 2048
"""Rows times units up to which a model runs on one thread (measured in benchmarks/RESULTS.md)."""


def choose_device(name: str) -> torch.device:
    """The device of a configuration.

    Args:
        name: auto (the CUDA device with most free memory, else the CPU), cpu, cuda, cuda:N, mps.

    Raises:
        DeviceError: if it is not there; the message lists what is.
    """
    known = available_devices()
    if name == "auto":
        return torch.device(_freest_cuda() if "cuda:0" in known else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in known:
        raise DeviceError(f"device {name!r} is not there; choose auto, {', '.join(known)}")
    return torch.device(_freest_cuda() if name == "cuda" else wanted)


def available_devices() -> list[str]:
    """Names of the devices of this machine."""
    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *cuda, *mps]


def describe_device(device: torch.device) -> str:
    """The device as a person knows it."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        return f"{device} ({name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free)"
    return str(device)


@contextlib.contextmanager
def threads_for(device: torch.device, work: int) -> Iterator[None]:
    """Run a block on one CPU thread if a step is so small that several would mostly wait.

    The choice depends on the configuration alone, because the number of threads changes the bytes
    of a result.

    Args:
        device: threads matter on the CPU only.
        work: rows of a batch times units of a layer.
    """
    before = torch.get_num_threads()
    if device.type == "cpu" and work <= SMALL_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def mixed_precision(device: torch.device, precision: str) -> torch.autocast:
    """Run a block with matrix products in a precision, float32 or bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextlib.contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Run a block from a random state made of some numbers; the caller's state comes back after.

    `torch.manual_seed` would not do: it seeds every device, also those that are not given back.
    """
    seed = mixed_seed(*numbers)
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type=device.type):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def mixed_seed(*numbers: int) -> int:
    """One 32-bit seed of several numbers; near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _freest_cuda() -> str:
    free = [_free_memory(number) for number in range(torch.cuda.device_count())]
    return f"cuda:{int(np.argmax(free))}"


def _free_memory(number: int) -> int:
    try:
        return int(torch.cuda.mem_get_info(number)[0])
    except RuntimeError:  # full, or reserved by another process: even asking takes memory
        return 0
