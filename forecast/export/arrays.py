"""Arrays of NumPy within a graph: what its functions do with them is recorded as nodes of ONNX.

The pretrained network and the partners are written for NumPy. Handed a `GraphArray`, the same
formulas make a graph, by NumPy's own protocols (NEP 13 and 18).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partialmethod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

if TYPE_CHECKING:
    import onnx

Axis = int | tuple[int, ...] | None
FARTHEST = np.iinfo(np.int64).max
OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "floor_divide": "Div",  # towards zero: of whole numbers that are not negative
    "negative": "Neg",
    "absolute": "Abs",
    "log": "Log",
    "exp": "Exp",
    "sqrt": "Sqrt",
    "power": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "matmul": "MatMul",
    "remainder": "Mod",
    "isnan": "IsNaN",
    "isinf": "IsInf",
    "invert": "Not",
    "bitwise_and": "And",
    "bitwise_or": "Or",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
}
"""By the names of NumPy's element-wise functions."""


class Recorder:
    """Nodes in the order in which they were made; those of the body of a loop by themselves."""

    def __init__(self) -> None:
        self.scopes: list[list[onnx.NodeProto]] = [[]]
        self._constants: dict[tuple[Any, ...], str] = {}
        self._count = 0

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """Of the graph itself."""
        return self.scopes[0]

    def new_name(self) -> str:
        """Of a value."""
        self._count += 1
        return f"v{self._count}"

    def node(self, operator: str, inputs: Sequence[str], count: int = 1, **named: Any) -> list[str]:
        """Record a node, and name its outputs."""
        from onnx import helper

        outputs = [self.new_name() for _ in range(count)]
        self.scopes[-1].append(helper.make_node(operator, [*inputs], outputs, **named))
        return outputs

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of a constant, which stands in the graph once."""
        from onnx import helper, numpy_helper

        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.new_name()
            tensor = numpy_helper.from_array(array)
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return self._constants[key]

    def name_of(self, value: Any, dtype: Any) -> str:
        """The name of a value, or of a constant, as numbers of a kind."""
        if not isinstance(value, GraphArray):
            return self.constant(value, dtype)
        return value.astype(dtype).name

    def array(self, sample: np.ndarray) -> GraphArray:
        """A value that is given from outside."""
        return GraphArray(self, self.new_name(), sample)


class GraphArray(NDArrayOperatorsMixin):
    """A value of a graph that NumPy takes for an array.

    Args:
        recorder: of the graph.
        name: of the value.
        sample: what it is for the windows with which the graph is made; its kind and its axes tell
            what to record. The number of windows must not come into a node.
    """

    def __init__(self, recorder: Recorder, name: str, sample: np.ndarray) -> None:
        self.recorder, self.name, self.sample = recorder, name, np.asarray(sample)

    def apply(
        self, operator: str, inputs: Sequence[str], sample: np.ndarray, **named: Any
    ) -> GraphArray:
        """The result of a new node."""
        return GraphArray(self.recorder, self.recorder.node(operator, inputs, **named)[0], sample)

    def named(self, name: str) -> GraphArray:
        """Another value of the same kind."""
        return GraphArray(self.recorder, name, self.sample)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        assert method == "__call__"
        assert not {*named} - {"out"}, named  # x += y makes a new value of that name
        own = OWN.get(function.__name__)
        if own:
            return own(*inputs)
        samples = [sample_of(each) for each in inputs]
        sample = function(*samples)
        kind = np.result_type(*samples) if sample.dtype == bool else sample.dtype
        names = [self.recorder.name_of(each, kind) for each in inputs]
        return self.apply(OPERATORS[function.__name__], names, sample)

    def __array_function__(self, function: Any, types: Any, inputs: Any, named: Any) -> Any:
        from forecast.export.array_functions import FUNCTIONS  # they make arrays

        return FUNCTIONS[function](*inputs, **named)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the sample: only its fixed axes may be counted on."""
        return self.sample.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.sample.ndim

    @property
    def T(self) -> GraphArray:  # noqa: N802
        """Axes in the other order."""
        return self.transpose(*range(self.ndim)[::-1])

    def transpose(self, *axes: int) -> GraphArray:
        """Axes in another order."""
        return self.apply("Transpose", [self.name], self.sample.transpose(axes), perm=[*axes])

    def __iter__(self) -> Iterator[GraphArray]:
        return (self[number] for number in range(self.shape[0]))

    def __getitem__(self, key: Any) -> GraphArray:
        found, axis = self, 0
        keys = key if isinstance(key, tuple) else (key,)
        for place, each in enumerate(keys):
            if each is Ellipsis:
                axis = found.ndim - sum(other is not None for other in keys[place + 1 :])
            elif each is None:
                found = found.unsqueezed(axis)
                axis += 1
            elif isinstance(each, slice):
                found = found.sliced(axis, each)
                axis += 1
            else:
                found = found.picked(axis, np.asarray(each))
                axis += np.ndim(each)
        return found

    def unsqueezed(self, axis: int) -> GraphArray:
        """With one axis more, of length 1."""
        axes = self.recorder.constant([axis], np.int64)
        return self.apply("Unsqueeze", [self.name, axes], np.expand_dims(self.sample, axis))

    def sliced(self, axis: int, part: slice) -> GraphArray:
        """A part of an axis."""
        if part == slice(None):
            return self
        step = 1 if part.step is None else part.step
        ends = (0, FARTHEST) if step > 0 else (FARTHEST, -FARTHEST)
        begin = ends[0] if part.start is None else part.start
        end = ends[1] if part.stop is None else part.stop
        constants = [self.recorder.constant([each], np.int64) for each in (begin, end, axis, step)]
        return self.apply(
            "Slice", [self.name, *constants], self.sample[(slice(None),) * axis + (part,)]
        )

    def picked(self, axis: int, places: np.ndarray) -> GraphArray:
        """Some places of an axis, or one, which leaves no axis."""
        index = self.recorder.constant(places, np.int64)
        return self.apply("Gather", [self.name, index], self.sample.take(places, axis), axis=axis)

    def astype(self, dtype: Any, order: str = "K") -> GraphArray:  # noqa: ARG002
        """With numbers of another kind."""
        from onnx import helper

        if self.sample.dtype == dtype:
            return self
        sample = self.sample.astype(dtype)
        return self.apply(
            "Cast", [self.name], sample, to=helper.np_dtype_to_tensor_dtype(sample.dtype)
        )

    def reshape(self, *shape: int) -> GraphArray:
        """In another shape, whose axis of windows is -1."""
        constant = self.recorder.constant(shape, np.int64)
        return self.apply("Reshape", [self.name, constant], self.sample.reshape(shape))

    def _reduced(self, name: str, axis: Axis = None, keepdims: bool = False) -> GraphArray:
        """What NumPy's method does along an axis: ONNX has an operator for each of them."""
        sample = np.asarray(getattr(self.sample, name)(axis=axis, keepdims=keepdims))
        operator = f"Reduce{name.capitalize()}"
        axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        constant = self.recorder.constant([*axes], np.int64)
        return self.apply(
            operator, [self.astype(sample.dtype).name, constant], sample, keepdims=keepdims
        )

    sum = partialmethod(_reduced, "sum")
    mean = partialmethod(_reduced, "mean")
    min = partialmethod(_reduced, "min")
    max = partialmethod(_reduced, "max")

    def any(self, axis: Axis = None, keepdims: bool = False) -> GraphArray:
        """Whether any is true."""
        found: GraphArray = self.sum(axis, keepdims) > 0
        return found

    def all(self, axis: Axis = None, keepdims: bool = False) -> GraphArray:
        """Whether all are true."""
        found: GraphArray = ~(~self).any(axis, keepdims)
        return found

    def _place(self, operator: str, sample: np.ndarray, axis: int) -> GraphArray:
        values = self.astype(np.int64) if self.sample.dtype == bool else self
        return self.apply(operator, [values.name], sample, axis=axis, keepdims=0)

    def argmin(self, axis: int) -> GraphArray:
        """Place of the first of the least along an axis."""
        return self._place("ArgMin", self.sample.argmin(axis=axis), axis)

    def argmax(self, axis: int) -> GraphArray:
        """Place of the first of the largest along an axis."""
        return self._place("ArgMax", self.sample.argmax(axis=axis), axis)

    def clip(self, low: float, high: float) -> GraphArray:
        """Within bounds; NaN stays."""
        values: Any = self
        found: Any = np.where(values < low, low, np.where(values > high, high, values))
        return cast(GraphArray, found)


def sample_of(value: Any) -> Any:
    """What NumPy itself would see."""
    return value.sample if isinstance(value, GraphArray) else value


def _arcsinh(values: Any) -> Any:
    """As NumPy's; runtimes have it in single precision alone, and no log(1 + x)."""
    size = np.abs(values)
    small = np.where(size < 1e-3, size, 0.0)
    series = small * (1 - small**2 * (1 / 6 - small**2 * (3 / 40 - small**2 * (5 / 112))))
    fit = np.where(size < 1e150, size, 1.0)  # the square of others overflows
    larger = np.where(size < 1e150, np.log(fit + np.sqrt(1 + fit**2)), np.log(size) + np.log(2.0))
    found = np.where(size < 1e-3, series, larger)
    return np.where(values < 0, -found, found)


def _fmax(first: Any, second: Any) -> Any:
    """The larger one, or the one that is known."""
    return np.where(
        np.isnan(second),
        first,
        np.where(second > first, second, np.where(np.isnan(first), second, first)),
    )


OWN: dict[str, Callable[..., Any]] = {
    "arcsinh": _arcsinh,
    "fmax": _fmax,
    "isfinite": lambda values: ~(np.isnan(values) | np.isinf(values)),
}
"""Functions that ONNX lacks."""
