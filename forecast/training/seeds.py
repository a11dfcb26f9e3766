"""Seeds, and the first weights of a network drawn from them, whatever the process has set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

DRAWS: tuple[Callable[..., Any], ...] = (
    torch.rand,
    torch.randn,
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
)
DRAWS += (nn.init.kaiming_uniform_, nn.init.normal_, nn.init.uniform_)
"""What draws the first weights of a network."""
MAKERS = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn)
"""What makes room for them, by default of a type that is one for the whole process."""


class _From(TorchFunctionMode):
    """Lets the first weights be float32, and drawn from a generator, in this thread alone."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = {**(options or {})}
        if function in DRAWS and options.get("generator") is None:
            options["generator"] = self.generator
        if function in MAKERS and options.get("dtype") is None:
            options["dtype"] = torch.float32
        return function(*arguments, **options)


@contextlib.contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Draw the weights of a network within the block, on the CPU, from a state made of numbers.

    `torch.manual_seed` would not do: its states are those of the whole process, from which other
    threads draw at the same time. Nor would `torch.set_default_dtype`, which they may set.
    """
    with _From(torch.Generator().manual_seed(mixed_seed(*numbers))):
        yield


def mixed_seed(*numbers: int) -> int:
    """One 32-bit seed of several numbers; near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
