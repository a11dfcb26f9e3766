"""The network alone: what any training of it costs at least."""

from collections.abc import Callable

import torch
from torch import nn
from worker import HIDDEN, LAYERS, LOOKBACK


def kernel_step(batch: int, device: str = "cpu") -> Callable[[], None]:
    """A function that does one forward and backward of `nn.LSTM`, always on the same batch."""
    network = nn.LSTM(1, HIDDEN, LAYERS, batch_first=True, device=device)
    inputs = torch.randn(batch, LOOKBACK, 1, device=device)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        network(inputs)[0].sum().backward()

    return step


def graphed(step: Callable[[], None]) -> Callable[[], None]:
    """A step as one CUDA graph, which the CPU starts at once."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # what is allocated once must not become part of the graph
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Callable[[], None] = graph.replay
    return replay
