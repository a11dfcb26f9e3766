"""The network alone, and the barest loop: `lstm_kernel.py DIR cpu|cuda PART THREADS`. Parts:

kernel: forward and backward of `nn.LSTM` on one batch, over and over.
kept: the same, with the allocator's memory kept between steps, as our own training has it.
graphed: the kernel as one CUDA graph, as our own training is on a GPU.
loop: gather, forward, a linear head, mean squared error, backward, Adam.
"""

import sys
import time

import torch
from network import graphed, kernel_step
from torch import nn
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, WARM_UP, oil_temperature, serve, wait_for_gpu

from forecast.runs.memory import claim_process, keep_freed_memory

FOLDER, DEVICE, PART = sys.argv[1:4]
THREADS = int(sys.argv[4])


def loop_step(batch: int):
    """A function that does one step."""
    values = torch.tensor(oil_temperature(FOLDER)["y"].to_numpy(), device=DEVICE)
    network = nn.LSTM(1, HIDDEN, LAYERS, batch_first=True, device=DEVICE)
    head = nn.Linear(HIDDEN, HORIZON, device=DEVICE)
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], 1e-3, fused=True)
    steps = torch.arange(LOOKBACK + HORIZON, device=DEVICE)

    def step() -> None:
        starts = torch.randint(len(values) - len(steps), (batch,), device=DEVICE)
        window = values[starts[:, None] + steps]
        forecast = head(network(window[:, :LOOKBACK, None])[0][:, -1])
        loss = nn.functional.mse_loss(forecast, window[:, LOOKBACK:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    torch.set_num_threads(THREADS)
    step = loop_step(batch) if PART == "loop" else kernel_step(batch, DEVICE)
    if PART == "graphed":
        step = graphed(step)
    for _ in range(WARM_UP):
        step()
    wait_for_gpu()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    wait_for_gpu()
    return steps * batch / (time.perf_counter() - began)


if PART == "kept":
    claim_process()
    keep_freed_memory()
serve(measure)
