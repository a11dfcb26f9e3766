"""Windows against a slow loop over series and rows, and gathered batches against slices."""

from dataclasses import replace
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.windows import (
    Usable,
    Windows,
    first_usable,
    on_device,
    running_count,
    window_starts,
)
from forecast.tables import compact


@st.composite
def cases(draw):
    """Arguments of `window_starts` for a random panel."""
    lengths = draw(st.lists(st.integers(1, 25), min_size=1, max_size=5))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    part = [
        sorted(draw(st.tuples(st.integers(first, last), st.integers(first, last))))
        for first, last in pairwise(offsets)
    ]
    whole = draw(st.booleans())
    lookback = draw(st.integers(1, 7))
    rarely = st.integers(0, 9).map(bool)
    flags = st.lists(
        rarely if draw(st.booleans()) else st.just(True),
        min_size=int(offsets[-1]),
        max_size=int(offsets[-1]),
    )
    return {
        "offsets": offsets,
        "part": np.array(draw(st.sampled_from([part, whole_series(offsets)]))),
        "usable_input": np.array(draw(flags), dtype=bool),
        "usable_target": np.array(draw(flags), dtype=bool),
        "lookback": lookback,
        "least_history": draw(st.none() | st.integers(1, lookback)),
        "horizon": draw(st.integers(1, 5)),
        "stride": draw(st.sampled_from([1, 1, 2, 3, 7])),
        "whole_targets": whole,
    }


def whole_series(offsets: np.ndarray) -> list[list[int]]:
    return np.column_stack([offsets[:-1], offsets[1:]]).tolist()


def fast_windows(*, usable_input, usable_target, whole_targets, **case) -> np.ndarray:
    """What `window_starts` finds."""
    return window_starts(usable=Usable(usable_input, usable_target, whole_targets), **case)


def slow_windows(
    offsets,
    part,
    usable_input,
    usable_target,
    lookback,
    horizon,
    stride,
    whole_targets,
    least_history,
) -> list[tuple[int, int]]:
    """(first row, series) of every window, one row and one condition at a time."""
    found = []
    for series in range(len(offsets) - 1):
        begun = None
        usable = [row for row in range(*offsets[series : series + 2]) if usable_input[row]]
        if not usable:
            continue
        earliest = offsets[series] if least_history is None else offsets[series] - lookback
        for start in range(earliest, offsets[series + 1]):
            past = range(start, start + lookback)
            targets = range(start + lookback, start + lookback + horizon)
            if targets[0] < part[series][0]:
                continue
            if least_history is None:
                if begun is None and not usable_input[start]:
                    continue
            else:
                past = range(max(start, usable[0]), start + lookback)
                if begun is None and len(past) < least_history:
                    continue
            begun = start if begun is None else begun
            inside = targets[-1] < part[series][1] <= offsets[series + 1]
            if (start - begun) % stride or not inside:
                continue
            known = [usable_target[row] for row in targets]
            enough = all(known) if whole_targets else any(known)
            if enough and all(usable_input[row] for row in past):
                found.append((start, series))
    return found


@given(cases(), st.sampled_from([1, 7, compact.ROWS_AT_ONCE]))
def test_window_starts_are_those_of_a_slow_loop(case, rows_at_once):
    with mock.patch.object(compact, "ROWS_AT_ONCE", rows_at_once):
        starts = fast_windows(**case).tolist()
    assert starts == [start for start, _ in slow_windows(**case)]


@given(cases())
def test_no_window_crosses_a_series_or_leaves_its_part(case):
    offsets, lookback, horizon = case["offsets"], case["lookback"], case["horizon"]
    starts = fast_windows(**case)
    series = np.searchsorted(offsets, starts + lookback - 1, side="right") - 1
    assert len(set(starts.tolist())) == len(starts)
    last = starts + lookback + horizon - 1
    np.testing.assert_array_equal(np.searchsorted(offsets, last, side="right") - 1, series)
    assert (starts + lookback >= case["part"][series, 0]).all()
    assert (last < case["part"][series, 1]).all()


def starts_of(length: int, *part: tuple[int, int], **options) -> list[int]:
    usable = np.ones(length, dtype=bool)
    arguments = {
        "offsets": np.array([0, length]),
        "part": np.array(part),
        "usable_input": usable,
        "usable_target": usable,
        "whole_targets": True,
        "lookback": 3,
        "horizon": 2,
        "stride": 1,
        "least_history": None,
        **options,
    }
    return fast_windows(**arguments).tolist()


def test_train_windows_by_hand():
    assert starts_of(20, (0, 10)) == [0, 1, 2, 3, 4, 5]
    assert starts_of(20, (0, 10), stride=2) == [0, 2, 4]
    assert starts_of(20, (0, 10), stride=100) == [0]


def test_a_lookback_reaches_into_earlier_rows_and_targets_do_not():
    # Targets 10, 11 first and 13, 14 last; the first lookback is 7, 8, 9.
    assert starts_of(20, (10, 15)) == [7, 8, 9, 10]
    assert starts_of(20, (10, 12)) == [7]
    assert starts_of(20, (10, 11)) == []
    assert starts_of(20, (2, 6)) == [0, 1]


def test_a_series_of_exactly_one_window_and_one_row_less():
    assert starts_of(5, (0, 5)) == [0]
    assert starts_of(4, (0, 4)) == []
    assert starts_of(20, (0, 0)) == []
    assert starts_of(20, (20, 20)) == []


def test_nan_in_a_lookback_or_a_target_leaves_the_window_out():
    unknown = np.ones(10, dtype=bool)
    unknown[5] = False
    assert starts_of(10, (0, 10), usable_target=unknown) == [0, 3, 4, 5]
    assert starts_of(10, (0, 10), usable_input=unknown) == [0, 1, 2]
    assert starts_of(12, (0, 12), usable_input=np.append(unknown, [True, True])) == [0, 1, 2, 6, 7]


def test_a_mask_keeps_windows_with_one_known_target():
    known = np.ones(10, dtype=bool)
    known[[5, 6]] = False
    assert starts_of(10, (0, 10), usable_target=known) == [0, 4, 5]
    assert starts_of(10, (0, 10), usable_target=known, whole_targets=False) == [0, 1, 3, 4, 5]


def test_the_stride_counts_from_the_first_usable_row():
    usable = np.arange(20) >= 5  # as a difference of lag 5 leaves them
    assert starts_of(20, (0, 20), usable_input=usable, stride=4) == [5, 9, 13]
    assert starts_of(10, (0, 10), usable_input=usable[:10], stride=7) == [5]


def test_a_padded_window_begins_before_its_series():
    assert starts_of(6, (0, 6), least_history=1) == [-2, -1, 0, 1]
    assert starts_of(6, (0, 6), least_history=3) == [0, 1]
    assert starts_of(6, (4, 6), least_history=1) == [1]
    assert starts_of(3, (0, 3), least_history=1, lookback=100) == [-99]
    assert starts_of(9, (0, 9), least_history=2, stride=3) == [-1, 2]
    usable = np.arange(9) >= 2  # what a difference leaves
    assert starts_of(9, (0, 9), least_history=2, usable_input=usable) == [1, 2, 3, 4]
    two = {"offsets": np.array([0, 4, 8]), "least_history": 2}
    assert starts_of(8, (0, 4), (4, 8), **two) == [-1, 3]
    assert starts_of(8, (0, 4), (4, 8), **two, usable_input=np.arange(8) > 3) == [3]


def test_running_count_by_hand():
    counts = running_count(np.array([True, False, True, True]))
    np.testing.assert_array_equal(counts, [0, 1, 1, 2, 3])


# ------------------------------------------------------------------ gather


def windows_of(
    seed: int,
    lookback: int = 4,
    horizon: int = 3,
    num_future: int = 2,
    least_history: int | None = None,
) -> Windows:
    """Three series of 12, 30 and 9 rows with 5 input columns and 2 targets; some targets NaN."""
    random = np.random.default_rng(seed)
    offsets = np.array([0, 12, 42, 51])
    inputs = random.normal(size=(51, 5)).astype(np.float32)
    targets = random.normal(size=(51, 2)).astype(np.float32)
    targets[random.random((51, 2)) < 0.2] = np.nan
    usable = np.ones(51, dtype=bool)
    usable[:2] = usable[12:13] = least_history is None
    starts = window_starts(
        offsets,
        np.array(whole_series(offsets)),
        Usable(usable, usable, whole_targets=True),
        lookback,
        horizon,
        stride=1,
        least_history=least_history,
    )
    first_known = torch.from_numpy(first_usable(usable, offsets))
    return Windows(
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(targets),
        static=torch.from_numpy(random.normal(size=(3, 2)).astype(np.float32)),
        first_rows=torch.from_numpy(offsets[:-1]),
        starts=torch.from_numpy(starts),
        lookback=lookback,
        horizon=horizon,
        num_future=num_future,
        first_known=None if least_history is None else first_known,
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_padded_gather_is_a_loop_over_rows(seed, lookback, horizon, num_future, least, is_nan):
    least = min(least, lookback)
    windows = windows_of(seed, lookback, horizon, num_future, least)
    windows = replace(windows, nan_padding=is_nan, weights=torch.arange(6.0).reshape(3, 2))
    inputs, targets = windows.inputs.numpy(), windows.targets.numpy()
    first, ends = [2, 13, 42], [12, 42, 51]  # known rows of the three series
    origins = [
        (series, origin)
        for series in range(3)
        for origin in range(first[series] + least - 1, ends[series] - horizon)
    ]
    assert windows.origins().tolist() == [origin for _, origin in origins]
    assert windows.series.tolist() == [series for series, _ in origins]
    index = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    batch = windows.gather(index)
    for place, number in enumerate(index.tolist()):
        series, origin = origins[number]
        past = []
        for row in range(origin - lookback + 1, origin + 1):
            lacking = np.full(5, np.nan) if is_nan else inputs[first[series]]
            past.append(lacking if row < first[series] else inputs[row])
        np.testing.assert_array_equal(batch.past[place], past)
        ahead = slice(origin + 1, origin + 1 + horizon)
        np.testing.assert_array_equal(batch.future[place], inputs[ahead, 5 - num_future :])
        np.testing.assert_array_equal(batch.target[place], targets[ahead])
        np.testing.assert_array_equal(batch.static[place], windows.static[series])
        np.testing.assert_array_equal(batch.weight[place], windows.weights[series])
    rows = windows.past_rows(windows.origins())
    np.testing.assert_array_equal(
        inputs[rows], replace(windows, nan_padding=False).gather(torch.arange(len(windows))).past
    )


def test_padded_windows_of_small_row_numbers_read_like_those_of_large_ones():
    windows = windows_of(0, lookback=9, least_history=1)
    small = replace(
        windows,
        first_rows=windows.first_rows.int(),
        starts=windows.starts.int(),
        first_known=windows.first_known.int(),
    )
    index = torch.arange(len(windows))
    assert torch.equal(windows.gather(index).past, small.gather(index).past)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(0, 5),
    st.lists(st.integers(0, 20), max_size=9),
)
def test_gather_is_slicing(seed, lookback, horizon, num_future, index):
    windows = windows_of(seed, lookback, horizon, num_future)
    batch = windows.gather(torch.tensor(index, dtype=torch.int64))
    assert batch.past.shape == (len(index), lookback, 5)
    assert batch.future.shape == (len(index), horizon, num_future)
    assert batch.target.shape == (len(index), horizon, 2)
    inputs, targets = windows.inputs.numpy(), windows.targets.numpy()
    for place, number in enumerate(index):
        first = int(windows.starts[number])
        origin = first + lookback
        np.testing.assert_array_equal(batch.past[place], inputs[first:origin])
        np.testing.assert_array_equal(
            batch.future[place], inputs[origin : origin + horizon, 5 - num_future :]
        )
        np.testing.assert_array_equal(batch.target[place], targets[origin : origin + horizon])
        series = 0 if first < 12 else 1 if first < 42 else 2
        np.testing.assert_array_equal(batch.static[place], windows.static[series])


def test_every_window_is_gathered_once_over_all_batches():
    windows = windows_of(0)
    assert len(windows) == (12 - 6) + (30 - 6) + (9 - 6)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    rows = [
        windows.gather(index).past[:, 0].numpy() for index in order.split(4)
    ]  # first lookback row of each window
    gathered = sorted(np.concatenate(rows).tolist())
    first = [row for rows in (range(6), range(12, 36), range(42, 45)) for row in rows]
    assert gathered == sorted(windows.inputs.numpy()[first].tolist())


def test_origins_are_the_last_known_rows():
    windows = windows_of(0)
    np.testing.assert_array_equal(windows.origins()[:7], [3, 4, 5, 6, 7, 8, 15])


def test_a_subset_shares_the_table():
    windows = windows_of(0)
    index = torch.tensor([30, 2, 2])
    some = windows.subset(index)
    assert len(some) == 3
    assert some.inputs.data_ptr() == windows.inputs.data_ptr()
    assert some.targets.data_ptr() == windows.targets.data_ptr()
    ours, theirs = some.gather(torch.arange(3)), windows.gather(index)
    for name in ("past", "future", "static", "target"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_nothing_is_materialised_but_the_batch():
    length, lookback = 100_000, 500
    table = torch.zeros(length, 1)
    windows = Windows(
        inputs=table,
        targets=table,
        static=torch.zeros(1, 0),
        first_rows=torch.zeros(1, dtype=torch.int64),
        starts=torch.arange(length - lookback),
        lookback=lookback,
        horizon=1,
        num_future=0,
    )
    held = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in vars(windows).values()
        if isinstance(tensor, torch.Tensor)
    }
    assert sum(held.values()) <= length * (4 + 8) + 8  # all windows would take 200 MB
    batch = windows.gather(torch.tensor([7, 99_000]))
    assert batch.past.untyped_storage().nbytes() == 2 * (lookback + 1) * 4
    assert batch.target.untyped_storage().data_ptr() == batch.past.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    ("weights", "least", "count"), [(None, None, 5), (torch.ones(3, 2), None, 6), (None, 2, 6)]
)
def test_to_moves_every_tensor(weights, least, count):
    windows = replace(windows_of(0, least_history=least), weights=weights)
    assert len(windows.tensors()) == count
    moved = windows.to(torch.device("meta"))
    tensors = [value for value in vars(moved).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == count
    assert all(tensor.device.type == "meta" for tensor in tensors)


def test_a_window_has_the_weight_of_its_series():
    windows = windows_of(0)
    assert windows.gather(torch.tensor([0, 7])).weight is None
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    weighted = replace(windows, weights=weights)
    index = torch.tensor([32, 0, 31, 5, 6])  # of 6, 24 and 3 windows
    expected = [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0], [1.0, 2.0], [3.0, 4.0]]
    assert weighted.gather(index).weight.tolist() == expected
    assert weighted.subset(index).gather(torch.arange(5)).weight.tolist() == expected


@pytest.mark.gpu
def test_gather_on_a_gpu_is_gather_on_the_cpu():
    windows = windows_of(0)
    index = torch.arange(0, len(windows), 3)
    device = torch.device("cuda")
    ours, theirs = windows.to(device).gather(index.to(device)), windows.gather(index)
    for name in ("past", "future", "static", "target"):
        assert getattr(ours, name).device.type == "cuda"
        np.testing.assert_array_equal(getattr(ours, name).cpu(), getattr(theirs, name))


def test_parts_share_on_a_device_what_they_share_before():
    shared = {
        "inputs": torch.zeros(9, 1),
        "targets": torch.zeros(9, 1),
        "static": torch.zeros(1, 0),
        "weights": torch.ones(1, 1),
    }
    parts = {
        part: Windows(
            **shared,
            first_rows=torch.zeros(1, dtype=torch.long),
            starts=torch.arange(count),
            lookback=2,
            horizon=1,
            num_future=0,
        )
        for part, count in (("train", 4), ("test", 2))
    }
    moved = on_device(parts, torch.device("meta"))
    assert {part: len(windows) for part, windows in moved.items()} == {"train": 4, "test": 2}
    for name in shared:
        there = getattr(moved["train"], name)
        assert there.device.type == "meta"
        assert there is getattr(moved["test"], name)
