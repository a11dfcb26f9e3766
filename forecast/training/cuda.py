"""A whole training step as one CUDA graph.

The CPU starts all kernels of a step at once, so that the GPU never waits for Python.
Everything of a step has a fixed place in memory: the numbers of the windows, the learning rate, the
gradients, the loss. A shorter last batch is filled up with windows whose targets are masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from forecast.config.optimizers import Adam, AdamW
from forecast.data.windows import Batch, Windows
from forecast.training.learner import Learner
from forecast.training.optimizers import set_rate
from forecast.training.seeds import mixed_seed
from forecast.training.step import StepResult, clip, gradient_norms, set_gradient

CAPTURE_WARM_UP = 3
"""Steps before the capture, in which libraries choose their kernels."""


def captured(learner: Learner, windows: Windows) -> StepGraph | None:
    """The step of a learner as a graph; None where there can be none.

    Batch normalisation would count the windows that fill up the last batch. Only Adam and AdamW
    count their steps and read their rate on the device; other optimisers ask the CPU. Windows on
    the CPU are gathered there. With less than one full batch there is nothing to repeat.
    """
    is_possible = (
        learner.device.type == "cuda"
        and windows.starts.device.type == "cuda"
        and isinstance(learner.config.optimizer, Adam | AdamW)
        and learner.model.can_be_captured
        and not learner.has_batch_norm
        and len(windows) >= learner.config.batch_size
    )
    return StepGraph(learner, windows) if is_possible else None


def masked_from(batch: Batch, is_filled: Bool[Tensor, " B"]) -> Batch:
    """A batch whose windows count in no loss where they are there to fill it up."""
    target = torch.where(is_filled[:, None, None], torch.nan, batch.target)
    return Batch(batch.past, batch.future, batch.static, target, batch.weight)


def filled_up(
    index: Int[Tensor, " B"], size: int
) -> tuple[Int[Tensor, " size"], Bool[Tensor, " size"]]:
    """Numbers of windows up to a size, the first window for those that are missing, and which are.

    Args:
        index: numbers of the windows, at most `size` of them.
        size: windows in a full batch.
    """
    missing = size - len(index)
    whole = torch.cat([index, index.new_zeros(missing)])
    return whole, torch.arange(size, device=index.device) >= len(index)


class StepGraph:
    """A step of a learner on some windows, captured once and replayed; see `captured`."""

    def __init__(self, learner: Learner, windows: Windows) -> None:
        self.learner, self.windows = learner, windows
        size = learner.config.batch_size
        # The graph reads these addresses whenever it is replayed; a step writes to them before.
        self.index = torch.zeros(size, dtype=torch.int64, device=learner.device)
        self.is_filled = torch.zeros(size, dtype=torch.bool, device=learner.device)
        self.noise = torch.Generator(learner.device)
        self.graph = torch.cuda.CUDAGraph()
        self.result = self._capture()

    def take_step(self, index: Int[Tensor, " B"], rate: float, seeds: Sequence[int]) -> StepResult:
        """Take one optimiser step by replaying the graph.

        Args:
            index, rate, seeds: as for `forecast.training.step.take_step`.

        Returns:
            As that function; the next step overwrites it.
        """
        with self.learner.profile.part("kernel"):
            whole, is_filled = filled_up(index, len(self.index))
            self.index.copy_(whole)
            self.is_filled.copy_(is_filled)
            self.noise.manual_seed(mixed_seed(*seeds))
            set_rate(self.learner.optimizer, rate)
            self.graph.replay()
        return self.result

    def _step(self) -> StepResult:
        """Gather, forward, backward, clipping, optimiser; nothing of it asks the CPU."""
        batch = masked_from(self.windows.gather(self.index), self.is_filled)
        loss = set_gradient(self.learner, [lambda: batch], noise=self.noise)
        norms = gradient_norms(self.learner)
        clip(self.learner)
        self.learner.optimizer.step()
        return loss, norms

    def _capture(self) -> StepResult:
        """Record the kernels of one step; the weights are as before when it returns."""
        learner = self.learner
        places = _places(learner.model, learner.optimizer)
        before = {name: value.clone() for name, value in places.items()}
        learner.model.train()
        set_rate(learner.optimizer, 0.0)
        # Warm up on a stream of its own, as torch asks: what libraries allocate once must not be
        # part of the graph, whose memory is its own.
        stream = torch.cuda.Stream(learner.device)
        stream.wait_stream(torch.cuda.current_stream(learner.device))
        with torch.cuda.stream(stream):
            for _ in range(CAPTURE_WARM_UP):
                self._step()
        torch.cuda.current_stream(learner.device).wait_stream(stream)
        self.graph.register_generator_state(self.noise)
        with torch.cuda.graph(self.graph):
            result = self._step()
        _restore(learner.model, learner.optimizer, before)
        return result


def _places(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every tensor that a step changes."""
    places = dict(model.state_dict())
    for number, state in enumerate(optimizer.state.values()):
        places |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    return places


def _restore(
    model: nn.Module, optimizer: torch.optim.Optimizer, before: Mapping[str, Tensor]
) -> None:
    """Undo the warm-up in place, where the graph reads; a state that was not there begins at 0."""
    with torch.no_grad():
        for name, place in _places(model, optimizer).items():
            place.copy_(before[name]) if name in before else place.zero_()
