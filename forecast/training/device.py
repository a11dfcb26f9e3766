"""Choice of the device, and what has to move there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from forecast.data.windows import Batch, Windows, on_device
from forecast.errors import DeviceError

MOST_MEMORY_FOR_DATA = 0.5
"""Share of the free memory of a GPU; data that would take more stay on the CPU."""


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


def device_of(name: str, local_rank: int, local_size: int) -> torch.device:
    """The device of one of several processes on a machine: each takes its own, or the CPU.

    Args:
        name: as for `choose_device`.
        local_rank, local_size: number of the process, and of all, on this machine.

    Raises:
        DeviceError: if there are fewer devices than processes.
    """
    if local_size == 1:
        return choose_device(name)
    first = choose_device(name)
    if first.type == "cpu":
        return first
    known = [each for each in available_devices() if each.startswith(first.type)]
    if len(known) < local_size or name not in ("auto", first.type):
        raise DeviceError(
            f"device {name!r} is {len(known)} for {local_size} processes; give as many processes"
            " as devices, or device: cpu"
        )
    return torch.device(known[local_rank])


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


def on_device_if_it_fits(parts: Mapping[str, Windows], device: torch.device) -> dict[str, Windows]:
    """Windows on a device, or on the CPU where they would fill too much of a GPU.

    From the CPU `gathered` brings one batch at a time, each at the cost of a copy.

    Args:
        parts: windows of each part; tensors that they share are counted and moved once.
        device: where the model is.
    """
    tensors = {id(each): each for part in parts.values() for each in part.tensors()}
    size = sum(tensor.nbytes for tensor in tensors.values())
    if device.type == "cuda" and size > MOST_MEMORY_FOR_DATA * free_memory(device):
        return dict(parts)
    return on_device(parts, device)


def gathered(windows: Windows, index: Int[Tensor, " B"], device: torch.device) -> Batch:
    """A batch on a device.

    From the CPU it is copied out of pinned memory, so that the copy runs while the GPU still
    computes the batch before.

    Args:
        windows: on the device, or on the CPU.
        index: numbers of the windows, on the device of the windows.
        device: where the model is.
    """
    batch = windows.gather(index)
    if batch.past.device.type == device.type:
        return batch
    return batch.changed(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))


def mixed_precision(device: torch.device, precision: str) -> torch.autocast:
    """Run a block with matrix products in a precision, float32 or bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _freest_cuda() -> str:
    free = [free_memory(number) for number in range(torch.cuda.device_count())]
    return f"cuda:{int(np.argmax(free))}"


def free_memory(device: torch.device | int) -> int:
    """Bytes that are free on a CUDA device."""
    try:
        return int(torch.cuda.mem_get_info(device)[0])
    except RuntimeError:  # full, or reserved by another process: even asking takes memory
        return 0
