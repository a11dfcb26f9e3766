"""Choice of the device, and what has to move there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from forecast.config.options import device_name
from forecast.data.windows import Batch, Windows, on_device
from forecast.errors import ConfigError, DeviceError, listed

MOST_MEMORY_FOR_DATA = 0.5
"""Share of the free memory of a GPU; data that would take more stay on the CPU."""


def choose_device(name: str) -> torch.device:
    """The device of a configuration.

    Args:
        name: auto (the CUDA device with most free memory, else the CPU), cpu, cuda or xpu (the one
            with most free memory), cuda:N, xpu:N, mps.

    Raises:
        ConfigError: for a name that no device has.
        DeviceError: if it is not there; the message lists what is.
    """
    try:
        device_name(name)
    except ValueError as error:
        raise ConfigError(f"device {error}") from None
    known = available_devices()
    numbered = [each for each in known if ":" in each]
    if name == "auto":
        return _freest(numbered) if "cuda:0" in known else torch.device("cpu")
    if numbered and name == numbered[0].partition(":")[0]:
        return _freest(numbered)
    if name not in known:
        raise DeviceError(f"device {name!r} is not there; choose auto, {', '.join(known)}")
    return torch.device(name)


def device_of(name: str, local_rank: int, local_size: int) -> torch.device:
    """The device of one of several processes on a machine: each takes its own, or the CPU.

    Args:
        name: as for `choose_device`.
        local_rank, local_size: number of the process, and of all, on this machine.

    Raises:
        DeviceError: if there are fewer devices than processes.
    """
    device = choose_device(name)
    if local_size == 1 or device.type == "cpu":
        return device
    known = [each for each in available_devices() if each.startswith(device.type)]
    if name not in ("auto", device.type):
        known = [name]
    if len(known) < local_size:
        raise DeviceError(
            f"device {name!r}: {local_size} processes, and {listed(known)}; give each process a"
            " device of its own, or all of them device=cpu"
        )
    return torch.device(known[local_rank])


def available_devices() -> list[str]:
    """Names of the devices of this machine: the CPU, and those of its accelerator, by number.

    Of an accelerator for which torch has a back end nothing is known here but its name.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ["cpu"]
    if accelerator.type == "mps":  # of which there is one
        return ["cpu", "mps"]
    count = torch.accelerator.device_count()
    return ["cpu", *(f"{accelerator.type}:{number}" for number in range(count))]


def describe_device(device: torch.device) -> str:
    """The device as a person knows it."""
    if device.type in ("cpu", "mps"):
        return str(device)
    free, total = torch.accelerator.get_memory_info(device)
    name = f"{torch.cuda.get_device_name(device)}, " if device.type == "cuda" else ""
    return f"{device} ({name}{free / 2**30:.1f} of {total / 2**30:.1f} GiB free)"


def on_device_if_it_fits(parts: Mapping[str, Windows], device: torch.device) -> dict[str, Windows]:
    """Windows on a device, or on the CPU where they would fill too much of a GPU.

    From the CPU `gathered` brings one batch at a time, each at the cost of a copy.

    Args:
        parts: windows of each part; tensors that they share are counted and moved once.
        device: where the model is.
    """
    tensors = {id(each): each for part in parts.values() for each in part.tensors()}
    size = sum(tensor.nbytes for tensor in tensors.values())
    has_own_memory = device.type not in ("cpu", "mps")
    if has_own_memory and size > MOST_MEMORY_FOR_DATA * free_memory(device):
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


def require_precision(device: torch.device, precision: str) -> None:
    """Refuse bf16 where there is no LSTM in it, as on a CPU without AVX-512: it is tried out.

    Raises:
        DeviceError: with the remedy.
    """
    if precision == "float32":
        return
    try:
        with torch.no_grad(), mixed_precision(device, precision):
            nn.LSTM(1, 1).to(device)(torch.zeros(1, 1, 1, device=device))
    except RuntimeError:
        raise DeviceError(
            f"training.precision: {precision}: {device} computes no LSTM in it; write float32, or"
            " train on a GPU"
        ) from None


def _freest(names: Sequence[str]) -> torch.device:
    free = [free_memory(torch.device(name)) for name in names]
    return torch.device(names[int(np.argmax(free))])


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device with memory of its own."""
    try:
        return int(torch.accelerator.get_memory_info(device)[0])
    except RuntimeError:  # full, or reserved by another process: even asking takes memory
        return 0


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was told."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
