"""A formula of NumPy as a function of the exported file, which the graph of torch calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.export.arrays import GraphArray, Recorder

if TYPE_CHECKING:
    import onnx

DOMAIN = "forecast"
SAMPLES = 3
Formula = Callable[[Float[np.ndarray, "B L"]], tuple[np.ndarray, ...]]


class Recorded(nn.Module):
    """Calls a function of the file, which `function` makes of the formula.

    Args:
        name: of the function.
        formula: of some histories, in NumPy; what it gives begins with an axis of histories, or
            of several times as many.
        rows: of each history.
    """

    def __init__(self, name: str, formula: Formula, rows: int) -> None:
        super().__init__()
        self.name, self.formula, self.rows = name, formula, rows
        self.function, self.outputs = self._recorded()

    def forward(self, values: Float[Tensor, "B L"]) -> tuple[Tensor, ...]:
        """What the formula gives; within an export alone."""
        found = torch.onnx.ops.symbolic_multi_out(
            f"{DOMAIN}::{self.name}",
            (values,),
            dtypes=[torch.from_numpy(each.sample[:0]).dtype for each in self.outputs],
            shapes=[
                (values.shape[0] * (each.shape[0] // SAMPLES), *each.shape[1:])
                for each in self.outputs
            ],
            version=1,
        )
        return tuple(found)

    def _recorded(self) -> tuple[onnx.FunctionProto, list[GraphArray]]:
        from onnx import helper

        recorder = Recorder()
        sample = np.sin(np.arange(SAMPLES * self.rows) + 0.1).reshape(SAMPLES, self.rows) + 2
        values: Any = recorder.array(sample)
        with np.errstate(all="ignore"):
            outputs: list[Any] = [*self.formula(values)]
        function = helper.make_function(
            DOMAIN,
            self.name,
            [values.name],
            [each.name for each in outputs],
            recorder.nodes,
            [helper.make_opsetid("", 20)],
        )
        return function, outputs


def with_functions(model: onnx.ModelProto, graph: nn.Module) -> onnx.ModelProto:
    """A model with the functions that its graph calls put in place of the calls."""
    from onnx import helper, inliner

    recorded = {each.name: each for each in graph.modules() if isinstance(each, Recorded)}
    if not recorded:
        return model
    model.functions.extend(each.function for each in recorded.values())
    if DOMAIN not in {each.domain for each in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    inlined = inliner.inline_local_functions(model)
    kept = [each for each in inlined.opset_import if each.domain != DOMAIN]
    del inlined.opset_import[:]
    inlined.opset_import.extend(kept)
    return inlined
