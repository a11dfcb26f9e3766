"""NumPy's functions of whole arrays, and what of ours is no function of NumPy, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from forecast.data.traced import Step, concrete, scan
from forecast.export.arrays import GraphArray, sample_of
from forecast.partners.histories import Histories, scan_histories
from forecast.pretrained.season import bridged


def _recorder(values: Sequence[Any]) -> Any:
    return next(each.recorder for each in values if isinstance(each, GraphArray))


def _where(condition: Any, yes: Any, no: Any) -> GraphArray:
    graph = _recorder((condition, yes, no))
    sample = np.where(sample_of(condition), sample_of(yes), sample_of(no))
    wanted = ((condition, bool), (yes, sample.dtype), (no, sample.dtype))
    names = [graph.name_of(value, dtype) for value, dtype in wanted]
    return GraphArray(graph, graph.node("Where", names)[0], sample)


def _padded(array: GraphArray, widths: Any, constant_values: float = 0.0) -> GraphArray:
    if not np.any(widths):
        return array
    sample = np.pad(array.sample, widths, constant_values=constant_values)
    pads = array.recorder.constant([*np.array(widths).T.ravel()], np.int64)
    filler = array.recorder.constant(constant_values, sample.dtype)
    return array.apply("Pad", [array.name, pads, filler], sample)


def _nan_to_num(
    array: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    most = float(np.finfo(np.float64).max)
    array = _where(np.isnan(array), nan, array)
    array = _where(array == np.inf, most if posinf is None else posinf, array)
    return _where(array == -np.inf, -most if neginf is None else neginf, array)


def _diff(array: GraphArray, axis: int, prepend: float | None = None) -> Any:
    if prepend is not None:
        array = _padded(array, [(int(each == axis), 0) for each in range(array.ndim)], prepend)
    return array.sliced(axis, slice(1, None)) - array.sliced(axis, slice(None, -1))


def _sliding_windows(array: GraphArray, window_shape: int, axis: int) -> GraphArray:
    assert axis == array.ndim - 1
    starts = np.arange(array.shape[axis] - window_shape + 1)
    return array.picked(axis, starts[:, None] + np.arange(window_shape))


def _stack(arrays: Sequence[Any], axis: int = 0) -> GraphArray:
    wide = [np.expand_dims(each, axis) for each in arrays]
    return _concatenate(wide, axis % np.ndim(sample_of(wide[0])))


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> GraphArray:
    graph = _recorder(arrays)
    sample = np.concatenate([sample_of(each) for each in arrays], axis=axis)
    names = [graph.name_of(each, sample.dtype) for each in arrays]
    return GraphArray(graph, graph.node("Concat", names, axis=axis)[0], sample)


def _gathered(array: Any, places: Any, axis: int) -> GraphArray:
    graph = _recorder((array, places))
    sample = np.take_along_axis(sample_of(array), sample_of(places), axis=axis)
    names = [graph.name_of(array, sample.dtype), graph.name_of(places, np.int64)]
    return GraphArray(graph, graph.node("GatherElements", names, axis=axis)[0], sample)


def _sorted(array: GraphArray, axis: int) -> GraphArray:
    count = array.recorder.constant([array.shape[axis]], np.int64)
    names = array.recorder.node(
        "TopK", [array.name, count], 2, axis=axis % array.ndim, largest=0, sorted=1
    )
    return GraphArray(array.recorder, names[0], np.sort(array.sample, axis=axis))


def _moved(array: GraphArray, source: int, destination: int) -> GraphArray:
    order = [each for each in range(array.ndim) if each != source % array.ndim]
    order.insert(destination % array.ndim, source % array.ndim)
    return array.transpose(*order)


def _cumulated(array: GraphArray, axis: int) -> GraphArray:
    sample = np.cumsum(array.sample, axis=axis)
    names = [array.astype(sample.dtype).name, array.recorder.constant(axis, np.int64)]
    return array.apply("CumSum", names, sample)


def _full_like(array: GraphArray, value: float, dtype: Any = None) -> GraphArray:
    from onnx import numpy_helper

    sample = np.full_like(array.sample, value, dtype=dtype)
    filler = numpy_helper.from_array(np.array([value], dtype=sample.dtype))
    (shape,) = array.recorder.node("Shape", [array.name])
    return array.apply("ConstantOfShape", [shape], sample, value=filler)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.where: _where,
    np.pad: _padded,
    np.nan_to_num: _nan_to_num,
    np.diff: _diff,
    np.stack: _stack,
    np.concatenate: _concatenate,
    np.take_along_axis: _gathered,
    np.lib.stride_tricks.sliding_window_view: _sliding_windows,
    np.sort: _sorted,
    np.moveaxis: _moved,
    np.expand_dims: lambda array, axis: array.unsqueezed(axis % (array.ndim + 1)),
    np.cumsum: _cumulated,
    np.full_like: _full_like,
    np.zeros_like: lambda array, dtype=None: _full_like(array, 0.0, dtype),
    np.ones_like: lambda array, dtype=None: _full_like(array, 1.0, dtype),
    np.clip: lambda array, low, high: array.clip(low, high),
    np.argmin: lambda array, axis: array.argmin(axis),
    np.min: lambda array, axis=None: array.min(axis),
    np.max: lambda array, axis=None: array.max(axis),
}
"""What NumPy's functions of whole arrays become."""


@concrete.register(GraphArray)
def _(value: Any, otherwise: int) -> int:  # noqa: ARG001
    return otherwise


@bridged.register(GraphArray)
def _(values: Any) -> Any:
    known, rows = ~np.isnan(values), values.shape[1]
    # The n-th known value of a row goes into slot n; slot 0 stays NaN, and the last slot takes all
    # that is unknown. The last known value is that of the slot of its count.
    count: Any = _cumulated(known.astype(np.int64), 1)
    slots = np.where(known, count, rows + 1)
    before, after = (_in_slots(values, slots, count + ahead) for ahead in (0, 1))
    place = values * 0.0 + np.arange(rows)
    left, right = (_in_slots(place, slots, count + ahead) for ahead in (0, 1))
    line = before + (np.arange(rows) - left) / (right - left) * (after - before)
    is_inside = ~known & (count > 0) & (count < count[:, -1:])
    return np.where(is_inside, line, before)


def _in_slots(values: Any, slots: Any, read: Any) -> Any:
    """Values put where the slots say, one slot more before them and one behind, and read there."""
    empty = _full_like(_padded(values, ((0, 0), (1, 1))), np.nan)
    sample = empty.sample.copy()
    np.put_along_axis(sample, slots.sample, values.sample, axis=1)
    names = [empty.name, slots.name, values.name]
    return _gathered(values.apply("ScatterElements", names, sample, axis=1), read, 1)


@scan.register(GraphArray)
def _(
    first: Any, step: Step, state: tuple[Any, ...], rows: Sequence[Any], numbers: tuple[Any, ...]
) -> tuple[Any, ...]:
    return _looped((first, *rows), step, state, numbers)


@scan_histories.register(GraphArray)
def _(
    values: Any,
    histories: Histories,
    step: Step,
    state: tuple[Any, ...],
    rows: tuple[Any, ...],
    numbers: tuple[Any, ...],
) -> tuple[Any, ...]:
    def waiting(state: Any, row: Any, numbers: Any) -> tuple[Any, ...]:
        *read, has_begun = row
        pairs = zip(step(state, (*read,), numbers), state, strict=True)
        return tuple(np.where(has_begun, new, old) for new, old in pairs)

    has_begun = (histories.age > 0)[..., None]
    return _looped((values, *rows, has_begun), waiting, state, numbers)


def _looped(
    rows: Sequence[Any], step: Step, state: Sequence[Any], numbers: tuple[Any, ...]
) -> tuple[Any, ...]:
    """A loop of the graph: a step stands in it once, however many rows there are."""
    from onnx import TensorProto, helper

    graph = _recorder(rows)
    given = [graph.name_of(each, sample_of(each).dtype) for each in (*state, *rows)]
    inputs = [graph.array(sample_of(each)) for each in state]
    inputs += [graph.array(sample_of(each)[0]) for each in rows]
    graph.scopes.append([])
    new = step(tuple(inputs[: len(state)]), tuple(inputs[len(state) :]), numbers)
    names = [graph.node("Identity", [each.name])[0] for each in new]
    kinds = [helper.np_dtype_to_tensor_dtype(each.sample.dtype) for each in inputs]
    pairs = zip(inputs, kinds, strict=True)
    body = helper.make_graph(
        graph.scopes.pop(),
        "step",
        [helper.make_tensor_value_info(each.name, kind, None) for each, kind in pairs],
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in names],
    )
    found = graph.node("Scan", given, len(state), body=body, num_scan_inputs=len(rows))
    return tuple(each.named(name) for each, name in zip(new, found, strict=True))
