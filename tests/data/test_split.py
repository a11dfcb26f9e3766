"""The sequential split: rows, fractions, dates and integer times, against row-by-row counting."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from forecast.config.windows import SplitConfig
from forecast.data.panel import Panel
from forecast.data.split import PARTS, Split, split
from forecast.errors import ConfigError
from forecast.times.axis import TimeAxis


def panel_of(lengths, starts=None, axis: TimeAxis | None = None) -> Panel:
    """Series of the given lengths; each begins at its own position on the axis."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Panel(
        values=np.zeros((int(offsets[-1]), 1)),
        offsets=offsets,
        ids=tuple(f"s{number}" for number in range(len(lengths))),
        starts=np.zeros(len(lengths), dtype=np.int64) if starts is None else np.array(starts),
        axis=axis or TimeAxis(0, 1),
        columns=("y",),
        num_targets=1,
        static=np.zeros((len(lengths), 0)),
    )


def dated(lengths, first: str, frequency: str, starts=None, timezone=None) -> Panel:
    origin = pd.Timestamp(first, tz=timezone).value
    return panel_of(lengths, starts, TimeAxis(origin, frequency, timezone))


def sizes(parts: Split) -> list[list[int]]:
    """Rows of train, validation and test of each series."""
    ranges = [getattr(parts, name) for name in PARTS]
    return np.column_stack([each[:, 1] - each[:, 0] for each in ranges]).tolist()


def assert_partition(parts: Split, panel: Panel) -> None:
    """Train, validation and test follow each other and make up each series."""
    np.testing.assert_array_equal(parts.train[:, 0], panel.offsets[:-1])
    np.testing.assert_array_equal(parts.train[:, 1], parts.validation[:, 0])
    np.testing.assert_array_equal(parts.validation[:, 1], parts.test[:, 0])
    np.testing.assert_array_equal(parts.test[:, 1], panel.offsets[1:])
    assert (np.array(sizes(parts)) >= 0).all()


def count(size: int | float, length: int) -> int:
    """Rows of a part, with the fraction as the decimal that the user wrote."""
    return size if isinstance(size, int) else math.floor(Fraction(str(size)) * length)


amounts = st.one_of(
    st.integers(0, 40), st.integers(0, 999).map(lambda thousandths: thousandths / 1000)
)


def slow_sizes(lengths, validation, test, train_rows, horizon):
    """Rows of each part of each series: as asked for, unless there are several series."""
    asked = []
    for length in lengths:
        last = min(count(test, length), length)
        middle = min(count(validation, length), length - last)
        asked.append([length - last - middle, middle, last])
    if len(lengths) == 1:
        return asked

    def cut(wanted, spare):
        rows = max(0, min(wanted, spare))
        return rows if rows >= min(wanted, horizon) else 0

    found, turns = [], 0
    for length in lengths:
        spare = length - train_rows
        if isinstance(test, int) and isinstance(validation, int):
            least, least_test = min(validation, horizon), min(test, horizon)
            if spare >= least + least_test:
                last = min(test, spare - least)
                middle = min(validation, spare - last)
            else:
                turns += spare >= min(least, least_test)
                if turns % 2 == 0 and spare >= min(least, least_test):
                    middle = cut(validation, spare)
                    last = cut(test, spare - middle)
                else:
                    last = cut(test, spare)
                    middle = cut(validation, spare - last)
        elif isinstance(test, int):
            last = cut(test, spare)
            middle = min(count(validation, length), length - last)
        else:
            last = count(test, length)
            wanted = count(validation, length)
            middle = cut(wanted, spare - last) if isinstance(validation, int) else wanted
            middle = min(middle, length - last)
        found.append([length - last - middle, middle, last])
    for part in (1, 2):
        if any(row[part] for row in asked) and not any(row[part] for row in found):
            return asked
    return found


@given(
    st.lists(st.integers(1, 120), min_size=1, max_size=5),
    amounts,
    amounts,
    st.integers(1, 60),
    st.integers(1, 20),
)
def test_rows_and_fractions_are_counted_from_the_end(
    lengths, validation, test, train_rows, horizon
):
    wanted = slow_sizes(lengths, validation, test, train_rows, horizon)
    panel = panel_of(lengths)
    config = SplitConfig(validation=validation, test=test)
    if not any(row[0] for row in wanted):
        with pytest.raises(ConfigError):
            split(panel, config, train_rows, horizon)
        return
    parts = split(panel, config, train_rows, horizon)
    assert sizes(parts) == wanted
    assert_partition(parts, panel)


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=6),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 20),
    st.integers(1, 8),
)
def test_rows_never_eat_a_series(lengths, validation, test, train_rows, horizon):
    assume(max(lengths) >= train_rows + validation + test)
    parts = split(
        panel_of(lengths), SplitConfig(validation=validation, test=test), train_rows, horizon
    )
    for length, (train, middle, last) in zip(lengths, sizes(parts), strict=True):
        assert train >= min(length, train_rows)
        assert middle in {0, *range(min(horizon, validation), validation + 1)}
        assert last in {0, *range(min(horizon, test), test + 1)}
        if length >= train_rows + validation + test:
            assert (middle, last) == (validation, test)


def test_series_too_short_for_both_parts_by_hand():
    panel = panel_of([40, 21, 20, 15, 17, 16, 15, 14, 9, 3])
    parts = split(panel, SplitConfig(validation=6, test=8), train_rows=9, horizon=6)
    assert sizes(parts) == [
        [26, 6, 8],
        [9, 6, 6],  # 12 rows to spare: the test part has become a horizon
        [12, 0, 8],  # 11 rows to spare, which is enough for one of them: test,
        [9, 6, 0],  # then validation,
        [9, 0, 8],
        [10, 6, 0],
        [9, 0, 6],
        [14, 0, 0],
        [9, 0, 0],
        [3, 0, 0],
    ]


def test_a_panel_that_is_too_short_as_a_whole_is_split_as_asked_for():
    panel = panel_of([12, 10])
    assert sizes(split(panel, SplitConfig(validation=4, test=4), 9, 4)) == [[4, 4, 4], [2, 4, 4]]


@pytest.mark.parametrize("fraction", [0.29, 0.57, 0.58, 0.07, 0.1, 0.7])
def test_a_fraction_that_binary_cannot_write_loses_no_row(fraction):
    parts = split(panel_of([100]), SplitConfig(validation=0, test=fraction))
    assert sizes(parts) == [[100 - round(100 * fraction), 0, round(100 * fraction)]]


@pytest.mark.parametrize(("length", "fraction", "rows"), [(5, 0.199, 0), (120, 0.333, 39)])
def test_a_fraction_just_below_a_row_is_rounded_down(length, fraction, rows):
    parts = split(panel_of([length]), SplitConfig(validation=fraction, test=0))
    assert sizes(parts) == [[length - rows, rows, 0]]


def test_the_defaults_on_airline_passengers():
    parts = split(dated([144], "1949-01-01", "MS"), SplitConfig())
    assert sizes(parts) == [[102, 14, 28]]


def test_both_parts_may_be_empty():
    panel = panel_of([3, 5])
    parts = split(panel, SplitConfig(validation=0, test=0))
    assert sizes(parts) == [[3, 0, 0], [5, 0, 0]]
    assert_partition(parts, panel)


def test_a_series_shorter_than_its_test_part_keeps_a_training_row():
    panel = panel_of([4, 20, 7])
    parts = split(panel, SplitConfig(validation=3, test=5))
    assert sizes(parts) == [[1, 1, 2], [12, 3, 5], [1, 1, 5]]
    assert_partition(parts, panel)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=4),
    st.tuples(st.integers(-2, 60), st.integers(-2, 60)).map(sorted),
    st.sampled_from(["D", "MS", "W-SUN", "h", "QE"]),
    st.integers(0, 2),
)
def test_a_date_is_the_first_row_of_its_part_in_every_series(spans, positions, frequency, hours):
    starts, lengths = (np.array(column) for column in zip(*spans, strict=True))
    first = pd.date_range("2019-01-06", periods=1, freq=frequency)[0]
    panel = dated(lengths, str(first), frequency, starts)
    step = pd.tseries.frequencies.to_offset(frequency)
    validation, test = (
        first + position * step - pd.Timedelta(hours=hours) for position in positions
    )
    wanted = []
    for start, length in spans:
        times = [first + (start + row) * step for row in range(length)]
        in_test = sum(time >= test for time in times)
        in_validation = sum(validation <= time < test for time in times)
        wanted.append([length - in_validation - in_test, in_validation, in_test])
    config = SplitConfig(validation=str(validation), test=str(test))
    if not all(sum(column) for column in zip(*wanted, strict=True)):
        with pytest.raises(ConfigError):
            split(panel, config)
        return
    parts = split(panel, config)
    assert sizes(parts) == wanted
    assert_partition(parts, panel)


def test_a_date_without_a_row_takes_the_next_row():
    panel = dated([24], "2020-01-01", "MS")
    parts = split(panel, SplitConfig(validation="2021-01-02", test="2021-07"))
    assert sizes(parts) == [[13, 5, 6]]


def test_a_date_is_local_to_the_zone_of_the_axis():
    panel = dated([72], "2024-03-30", "h", timezone="Europe/Berlin")
    # 31 March has 23 hours: the first row of 1 April is number 47.
    parts = split(panel, SplitConfig(validation="2024-03-31", test="2024-04-01"))
    assert sizes(parts) == [[24, 23, 25]]
    other = split(panel, SplitConfig(validation=0, test="2024-03-31T22:00Z"))
    assert sizes(other) == [[47, 0, 25]]


def test_integer_times_are_split_by_value():
    panel = panel_of([10, 6], [0, 8], TimeAxis(1900, 5))  # 1900 ... 1945, 1940 ... 1965
    parts = split(panel, SplitConfig(validation="1936", test="1945"))
    assert sizes(parts) == [[8, 1, 1], [0, 1, 5]]
    assert sizes(split(panel, SplitConfig(validation=0, test="1940"))) == [[8, 0, 2], [0, 0, 6]]


def test_dates_and_rows_may_be_mixed():
    panel = dated([36], "2020-01-01", "MS")
    by_date = split(panel, SplitConfig(validation=6, test="2022-01-01"))
    assert sizes(by_date) == [[18, 6, 12]]
    by_rows = split(panel, SplitConfig(validation="2021-01-01", test=12))
    assert sizes(by_rows) == [[12, 12, 12]]
    by_fraction = split(panel, SplitConfig(validation=0.25, test="2022-10-01"))
    assert sizes(by_fraction) == [[24, 9, 3]]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 9), st.integers(0, 9))
def test_offsets_list_all_parts_in_row_order(lengths, validation, test):
    assume(max(lengths) > validation + test)
    parts = split(panel_of(lengths), SplitConfig(validation=validation, test=test))
    edges = [0]
    for series in sizes(parts):
        for rows in series:
            edges.append(edges[-1] + rows)
    np.testing.assert_array_equal(parts.offsets(), edges)


def test_one_series_with_rows_from_the_date_on_is_enough():
    panel = dated([40, 10], "2020-01-01", "D")
    parts = split(panel, SplitConfig(validation="2020-01-21", test="2020-01-31"))
    assert sizes(parts) == [[20, 10, 10], [10, 0, 0]]
