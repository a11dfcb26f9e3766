"""A table that is read as a plain one is read as the one reader does; all others are left to it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.assemble import read_panel
from forecast.data.plain import is_plain, joined, plain_table
from forecast.tables.unpack import file_of
from tests.helpers import small_config

DAYS = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=40).astype(str), "y": range(40)})
SEVERAL = pd.concat([DAYS.assign(unique_id=name) for name in ("a", "b")])


def setting(frame, **data):
    config = small_config(data={"frequency": "D", **data}).data
    return config, read_panel(config, frame)


def cells_of(text, separator=","):
    header, *lines = text.rstrip("\n").split("\n")
    rows = [line.split(separator) for line in lines]
    return dict(zip(header.split(separator), zip(*rows, strict=True), strict=True))


def both(text, config, known):
    """What the fast reader makes of a CSV, None: nothing; and the slow one, which may refuse."""
    table = plain_table(cells_of(text, config.separator), config, known)
    plain = None if table is None else joined([table], known, table.ids)
    with file_of(text.encode(), "history") as file:
        return plain, read_panel(config, file, known=known)


def assert_same(plain, slow):
    np.testing.assert_array_equal(plain.values, slow.values)
    np.testing.assert_array_equal(plain.offsets, slow.offsets)
    assert plain.ids == slow.ids
    found, expected = (
        each.axis.at(each.positions(np.arange(len(each.values)))) for each in (plain, slow)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("frame", "frequency"),
    [
        (DAYS, "D"),
        (SEVERAL, "D"),
        (DAYS.assign(ds=pd.date_range("2024-01-01", periods=40, freq="MS").astype(str)), "MS"),
        (DAYS.assign(ds=pd.date_range("2024-01-01", periods=40, freq="h").astype(str)), "h"),
        (DAYS.assign(ds=range(40)), 1),
        (DAYS.assign(ds=pd.date_range("2024-01-01", periods=40, freq="B").astype(str)), "B"),
    ],
)
def test_a_plain_table_is_read_as_the_reader_does(frame, frequency):
    config, known = setting(frame, frequency=frequency)
    assert is_plain(config, known)
    plain, slow = both(frame.iloc[7:].to_csv(index=False), config, known)
    assert_same(plain, slow)


CELLS = st.one_of(
    st.floats(-1e6, 1e6).map(str),
    st.integers(-5, 5).map(str),
    st.sampled_from(
        ["", "NaN", "1.263", "12.6", "1e400", "inf", "0x1", "1_0", "1,5", " 1", "+1", "abc", "٣"]
    ),
)
TIMES = st.one_of(
    st.dates(pd.Timestamp("2024-01-01").date(), pd.Timestamp("2024-01-09").date()).map(str),
    st.sampled_from(["2024-01-02T00:00:00", "2024-1-2", "02/01/2024", "2024-01-02 24:00:00"]),
    st.sampled_from(["2024-02-30", "20240102", "2024-01-02Z", "9999-01-01", "1600-01-01", ""]),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(CELLS, min_size=1, max_size=5),
    st.integers(0, 9),
    st.dictionaries(st.integers(0, 4), TIMES, max_size=2),
)
def test_what_is_not_plain_in_every_cell_is_left_to_the_reader(cells, first, odd):
    config, known = setting(DAYS)
    days = pd.date_range("2024-01-01", periods=20).astype(str)[first : first + len(cells)]
    times = [odd.get(row, day) for row, day in enumerate(days)]
    text = "ds;y\n" + "".join(f"{time};{cell}\n" for time, cell in zip(times, cells, strict=True))
    config = config.model_copy(update={"separator": ";"})
    table = plain_table(cells_of(text, ";"), config, known)
    if table is not None and joined([table], known, table.ids) is not None:
        assert_same(*both(text, config, known))


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"ds": ["2024-01-01"]},
        {"ds": [], "y": []},
        {"ds": ["2024-01-01"], "y": [None]},
        {"ds": ["2024-01-01"], "y": [True]},
        {"ds": ["2024-01-01"], "y": [float("nan")]},
        {"ds": ["2024-01-01"], "y": [1e39]},
        {"ds": ["2024-01-01"], "y": [10**400]},
        {"ds": ["2024-01-01", "2024-01-03"], "y": [1, 2]},
        {"ds": ["2024-01-02", "2024-01-01"], "y": [1, 2]},
        {"ds": ["2023-12-31"], "y": [1]},
        {"ds": [20240101], "y": [1]},
        {"ds": ["2024-01-01"], "y": [1], "unique_id": ["a"]},
    ],
)
def test_odd_cells_are_left_to_the_reader(columns):
    config, known = setting(DAYS)
    table = plain_table(columns, config, known)
    assert table is None or joined([table], known, table.ids) is None


@pytest.mark.parametrize("ids", [["a", "b", "a"], ["a", "c", "c"], ["a", 1, 1]])
def test_series_that_are_mixed_or_unknown_are_left_to_the_reader(ids):
    config, known = setting(SEVERAL)
    columns = {"ds": ["2024-01-01", "2024-01-01", "2024-01-02"], "y": [1, 2, 3], "unique_id": ids}
    assert plain_table(columns, config, known) is None


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        ({"timezone": "Europe/Berlin"}, DAYS),
        ({"future": ["x"]}, DAYS.assign(x=1)),
        ({"static": ["x"]}, DAYS.assign(x=1)),
        ({"past": [{"x": {"encoding": "one_hot"}}]}, DAYS.assign(x="a")),
        ({"thousands": "'"}, DAYS),
    ],
)
def test_tables_with_rules_of_their_own_are_never_plain(data, frame):
    assert not is_plain(*setting(frame, **data))
