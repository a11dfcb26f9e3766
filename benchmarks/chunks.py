"""How a batch is best shared out among CPU threads: `python benchmarks/chunks.py [--bf16]`.

Forward and backward passes of an `nn.LSTM`, windows a second: PyTorch with one thread, with all of
them, and the batch in chunks of some windows, each computed by a thread of its own. Medians of
interleaved rounds; the last column is the size that `chunk_windows` chooses.
"""

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import torch
from torch import nn

from forecast.config.model import ModelConfig
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training.learner import chunk_windows

CASES = (
    (8, 96, 64, 2),
    (32, 96, 64, 2),
    (256, 96, 64, 2),
    (1024, 96, 64, 2),
    (256, 24, 32, 1),
    (448, 30, 256, 1),
)
"""Batch, steps, units, layers; the last one is a batch of ETTh1's 7 channels in segments of 24."""
CHUNKS = (8, 16, 32, 64, 128)
ROUNDS, SECONDS = 3, 0.4


def gradients(network: nn.LSTM, inputs: torch.Tensor, is_bf16: bool) -> tuple[torch.Tensor, ...]:
    """Of the sum of all outputs."""
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        outputs = network(inputs)[0]
    return torch.autograd.grad(outputs.float().sum(), [*network.parameters()])


def rate(work, batch: int) -> float:
    """Windows a second."""
    work()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        work()
        count += 1
    return count * batch / (time.perf_counter() - began)


def measured(case: tuple[int, ...], is_bf16: bool, pool: ThreadPoolExecutor) -> dict[str, float]:
    """By way of sharing out, windows a second."""
    batch, steps, units, layers = case
    network = nn.LSTM(1, units, layers, batch_first=True)
    inputs = torch.randn(batch, steps, 1)
    threads, found = os.cpu_count() or 1, {}
    for _ in range(ROUNDS):
        for count in (1, threads):
            torch.set_num_threads(count)
            each = rate(lambda: gradients(network, inputs, is_bf16), batch)
            found.setdefault(f"{count} thread{'s' * (count > 1)}", []).append(each)
        torch.set_num_threads(1)
        for size in CHUNKS:
            parts = inputs.split(size)
            each = rate(
                lambda parts=parts: [*pool.map(lambda p: gradients(network, p, is_bf16), parts)],
                batch,
            )
            found.setdefault(f"chunks of {size}", []).append(each)
    return {name: median(each) for name, each in found.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bf16", action="store_true")
    is_bf16, head = parser.parse_args().bf16, None
    with ThreadPoolExecutor(os.cpu_count(), initializer=lambda: torch.set_num_threads(1)) as pool:
        for case in CASES:
            found = measured(case, is_bf16, pool)
            batch, steps, units, layers = case
            shape = WindowShape(lookback=steps, horizon=1, num_targets=1)
            model = Forecaster(ModelConfig(hidden_size=units, num_layers=layers), shape)
            if head is None:
                head = ["batch", "steps", "units", "layers", *found, "chosen"]
                print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
            cells = [*case, *(f"{each:,.0f}" for each in found.values())]
            print(f"| {' | '.join(map(str, [*cells, chunk_windows(model, batch)]))} |", flush=True)


main()
