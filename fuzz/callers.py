"""Promise 13: a program around the package, its settings and its threads change no result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import forecast
from fuzz.material import Material, random_of
from fuzz.trainings import configuration, table

FORECASTS = 3
"""In threads beside two trainings."""


@contextlib.contextmanager
def _set(read: Callable[[], Any], write: Callable[[Any], object], value: Any) -> Iterator[None]:
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


PROCESS = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_num_threads, torch.set_num_threads),
)
"""Settings that all threads share: who sets one last, and to what, is a matter of chance."""

SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": lambda: _set(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "bfloat16": lambda: _set(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "device meta": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "anomalies": lambda: _set(torch.is_anomaly_enabled, torch.set_anomaly_enabled, True),
    "precision": lambda: _set(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "two threads": lambda: _set(torch.get_num_threads, torch.set_num_threads, 2),
    "NumPy raises": lambda: np.errstate(all="raise"),
}


def check(number: int, material: Material, scratch: Path) -> str | None:  # noqa: ARG001
    """Train twice in turn; then at once in threads, in each of which other settings are made."""
    random = random_of(13, number)
    jobs = [(configuration(random, epochs=2), table(random)) for _ in range(2)]
    settings = [list(random.choice(list(SETTINGS), 3, replace=False)) for _ in jobs]
    expected = [_trained(config, data, scratch, 0) for config, data in jobs]
    model = forecast.load(scratch / "0.safetensors")
    ahead = model.forecast().to_csv()

    def within(job: int) -> bytes:
        with contextlib.ExitStack() as stack:
            for name in settings[job]:
                stack.enter_context(SETTINGS[name]())
            return _trained(*jobs[job], scratch, job + 1)

    # A setting of the whole process is seen by the other thread, too, which may be at any place.
    with contextlib.ExitStack() as after, ThreadPoolExecutor(len(jobs) + FORECASTS) as threads:
        for read, write in PROCESS:
            after.enter_context(_set(read, write, read()))
        found = threads.map(within, range(len(jobs)))
        beside = [threads.submit(lambda: model.forecast().to_csv()) for _ in range(FORECASTS)]
        differs = [job for job, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b]
        is_other = any(each.result() != ahead for each in beside)
    if not differs and not is_other:
        return None
    return f"trainings {differs} differ within {settings}, forecasts beside them: {is_other}"


def _trained(config: Any, data: Any, scratch: Path, number: int) -> bytes:
    """The model file of a training."""
    path = scratch / f"{number}.safetensors"
    forecast.train(config, data).save(path)
    return path.read_bytes()
