"""One CPU thread or all of them? Forward and backward of one nn.LSTM layer, interleaved.

python benchmarks/threads.py
"""

import time

import torch
from torch import nn

SHAPES = (
    (32, 24, 32),
    (32, 52, 32),
    (32, 52, 64),
    (32, 96, 64),
    (32, 96, 128),
    (128, 96, 64),
    (256, 96, 64),
    (256, 96, 128),
    (448, 30, 128),
    (448, 30, 256),
    (1024, 24, 64),
)
"""(batch, steps, hidden)"""
INPUTS, ROUNDS, REPEATS = 8, 5, 6


def seconds(layer: nn.LSTM, batch: torch.Tensor, threads: int) -> list[float]:
    """Times of a few forward and backward passes."""
    torch.set_num_threads(threads)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        layer(batch)[0].sum().backward()
        times.append(time.perf_counter() - began)
    return times


def main() -> None:
    """Print the median milliseconds of each shape on one thread and on all."""
    everything = torch.get_num_threads()
    print(f"| batch | steps | hidden | 1 thread, ms | {everything} threads, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for rows, steps, hidden in SHAPES:
        layer = nn.LSTM(INPUTS, hidden, batch_first=True)
        batch = torch.randn(rows, steps, INPUTS)
        found: dict[int, list[float]] = {1: [], everything: []}
        for _ in range(ROUNDS):
            for threads, times in found.items():
                times += seconds(layer, batch, threads)
        one, all_ = (1e3 * float(torch.tensor(t).median()) for t in found.values())
        print(
            f"| {rows} | {steps} | {hidden} | {one:.1f} | {all_:.1f} | {one / all_:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
