"""Arithmetic of a panel's rows against loops, and the place of each row."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.panel import Panel, offsets_of, ragged_ranges
from tests.data.helpers import read_frame, read_text, series_of

lengths_of_series = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def panel_of(lengths) -> Panel:
    frame = pd.DataFrame(
        [
            (f"s{number}", number + step, 100 * number + step)
            for number, length in enumerate(lengths)
            for step in range(length)
        ],
        columns=["unique_id", "ds", "y"],
    )
    return read_frame(frame, frequency=1)


@given(ranges=st.lists(st.tuples(st.integers(-5, 50), st.integers(0, 6)), max_size=6))
def test_ragged_ranges(ranges):
    first = np.array([a for a, _ in ranges], dtype=np.int64)
    counts = np.array([b for _, b in ranges], dtype=np.int64)
    expected = [row for a, b in ranges for row in range(a, a + b)]
    assert ragged_ranges(first, counts).tolist() == expected
    assert offsets_of(counts).tolist() == [sum(counts[:i]) for i in range(len(counts) + 1)]


@given(lengths=lengths_of_series, count=st.integers(1, 8), data=st.data())
def test_rows_know_their_series_and_position(lengths, count, data):
    panel = panel_of(lengths)
    rows = [(number, number + step) for number, n in enumerate(lengths) for step in range(n)]
    index = np.arange(len(rows))
    assert panel.lengths.tolist() == lengths
    assert panel.series_of(index).tolist() == [number for number, _ in rows]
    assert panel.positions(index).tolist() == [position for _, position in rows]

    tail = panel.tail(count)
    for number, length in enumerate(lengths):
        kept = min(count, length)
        expected = [100 * number + step for step in range(length - kept, length)]
        assert series_of(tail, number)[:, 0].tolist() == expected
        assert tail.starts[number] == number + length - kept
    assert tail.place(0) == panel.place(lengths[0] - min(count, lengths[0]))

    numbers = data.draw(st.lists(st.sampled_from(range(len(lengths))), unique=True))
    chosen = panel.select(np.array(numbers, dtype=np.int64))
    assert chosen.ids == tuple(f"s{number}" for number in numbers)
    assert chosen.starts.tolist() == numbers
    for place, number in enumerate(numbers):
        np.testing.assert_array_equal(series_of(chosen, place), series_of(panel, number))

    values = np.arange(len(lengths) * count, dtype=np.float64).reshape(len(lengths), count, 1)
    longer = panel.extend(values)
    assert longer.starts.tolist() == panel.starts.tolist()
    for number in range(len(lengths)):
        np.testing.assert_array_equal(
            series_of(longer, number), [*series_of(panel, number), *values[number]]
        )
    last = int(longer.offsets[1]) - 1
    assert longer.place(last) == f"data, {lengths[0] + count - 1} of series s0"


def test_missing_rows_have_no_line_but_a_place(tmp_path):
    text = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\n\na,2024-01-05,3\nb,2024-01-02,7\n"
    panel = read_text(tmp_path, text)
    np.testing.assert_array_equal(panel.values[:, 0], [1, 2, np.nan, np.nan, 3, 7])
    assert [*panel.lines] == [2, 3, -1, -1, 5, 6]
    path = tmp_path / "data.csv"
    assert panel.place(4) == f"{path}:5"
    assert panel.place(3) == f"{path}, 2024-01-04 00:00:00 of series a"
    assert panel.starts.tolist() == [0, 1]
    assert panel.lengths.tolist() == [5, 1]
    alone = read_text(tmp_path, "ds,y\n1,1\n2,2\n4,4\n")
    assert alone.place(2) == f"{path}, 3"
