"""Long plain files: the same panel, or the same message, as by the slow way."""

import sys
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data import plain_csv
from forecast.data import table as tables
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.data.plain_csv import read_plain_csv
from forecast.data.table import EMPTY, opened
from forecast.errors import DataError

pytest.importorskip("pyarrow")
NEVER, ALWAYS = 2**60, 0
DATES = ("2024-01-01", "2024-01-02", "2024-01-03T00:00:00", "2024-01-04 00:00", "2024-01-05 24:00")
ODD_DATES = (
    "",
    "20240106",
    "2024-1-7",
    "2024-01-08Z",
    "1600-01-01",
    "07/01/2024",
    "3",
    " 2024-01-09",
)
NUMBERS = ("1", "-2.5", "1e3", "", "NA", "nan", " 4", "5 ", '"6"', ".5", "7.")
ODD_NUMBERS = ("NAN", "inf", "-Infinity", "1e39", "1e400", "x", "+1", "0x10", "1,5", "1 000", "--1")
NAMES = ("a", "b", "NA", "ä", '"c d"', '"e""f"', " a")
ODD_NAMES = ("", '""', '"g,h"', '"i\nj"', 'k"l', "\ufeffm")


def read(path, long_from: int, **options) -> Panel | str:
    """The panel, or the message of a refusal; row by row, for long files show times as dates."""
    config = DataConfig(path=str(path), missing="mask", sort=True, **options)
    patches = (
        mock.patch.object(plain_csv, "LONG", long_from),
        mock.patch.object(tables, "ROWS_AT_ONCE", 1),
    )
    with patches[0], patches[1]:
        try:
            return read_panel(config)
        except DataError as error:
            return str(error)


def assert_same(found: Panel | str, wanted: Panel | str) -> None:
    if isinstance(wanted, str) or isinstance(found, str):
        assert found == wanted
        return
    assert (found.ids, found.axis, found.columns) == (wanted.ids, wanted.axis, wanted.columns)
    assert found.levels == wanted.levels
    for name in ("values", "offsets", "starts", "static", "lines"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)


def cells(usual: tuple[str, ...], odd: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Mostly usual ones, for one odd cell is enough."""
    return st.sampled_from(usual * 8 + odd)


ROWS = st.lists(
    st.tuples(cells(DATES, ODD_DATES), cells(NUMBERS, ODD_NUMBERS), cells(NAMES, ODD_NAMES)),
    max_size=6,
)
LINES = st.sampled_from([*[None] * 20, "", ",,", "1", "2024-01-01,1,a,b", " "])


@settings(max_examples=400, deadline=None)
@given(
    rows=ROWS,
    odd_line=LINES,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    is_ended=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    separator=st.sampled_from([",", ";"]),
)
def test_any_file_is_read_as_by_the_slow_way(
    rows, odd_line, end, is_ended, mark, separator, tmp_path_factory
):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    lines = [separator.join(row) for row in [("ds", "y", "unique_id"), *rows]]
    lines += [] if odd_line is None else [odd_line.replace(",", separator)]
    path.write_bytes((mark + end.join(lines) + end * is_ended).encode())
    options = {"frequency": "D", "separator": separator}
    assert_same(read(path, ALWAYS, **options), read(path, NEVER, **options))


def made(path, rows=3000, decimal=".", separator=","):
    """A plain file with two series, gaps, a category and an unread column."""
    random = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=rows, freq="h")
    table = pd.DataFrame(
        {
            "ds": np.tile(times, 2),
            "note": "unread, \u00e9",
            "unique_id": np.repeat(["b", "a"], rows),
            "y": random.normal(size=2 * rows),
            "kind": random.choice(["x", "NA", ""], 2 * rows),
        }
    )
    table.loc[random.random(2 * rows) < 0.1, "y"] = np.nan
    table = table[random.random(2 * rows) < 0.9]
    table.to_csv(path, index=False, decimal=decimal, sep=separator)
    return table


@pytest.mark.parametrize(("decimal", "separator"), [(".", ","), (",", ";"), (".", "\t")])
def test_a_plain_file_is_read_fast(tmp_path, decimal, separator, monkeypatch):
    monkeypatch.setattr(plain_csv, "LONG", 0)
    monkeypatch.setattr(plain_csv, "BLOCK", 10_000)
    table = made(tmp_path / "t.csv", decimal=decimal, separator=separator)
    lines = (tmp_path / "t.csv").read_bytes().count(b"\n")
    text = ["ds", "unique_id", "kind"]
    path = str(tmp_path / "t.csv")
    with opened(path) as file:
        frame = read_plain_csv(file, separator, decimal, ["y"], text, EMPTY, lines)
    assert frame is not None
    np.testing.assert_array_equal(frame["y"], table["y"])
    np.testing.assert_array_equal(frame["ds"], table["ds"])
    assert frame["kind"].tolist() == table["kind"].tolist()
    options = {
        "decimal": decimal,
        "separator": separator,
        "past": ({"kind": {"encoding": "ordinal"}},),
    }
    assert_same(read(path, ALWAYS, **options), read(path, NEVER, **options))


def test_a_number_too_large_is_named_with_its_line(tmp_path):
    table = made(tmp_path / "t.csv")
    table.iloc[1234, 3] = 1e39
    table.to_csv(tmp_path / "t.csv", index=False)
    found = read(tmp_path / "t.csv", ALWAYS)
    assert found == read(tmp_path / "t.csv", NEVER)
    assert ":1236: column 'y' holds 1e+39" in found


def test_short_files_and_those_without_pyarrow_go_the_slow_way(tmp_path, monkeypatch):
    made(tmp_path / "t.csv", rows=50)
    arguments = (",", ".", ["y"], ["ds", "unique_id"], EMPTY, 91)
    with opened(str(tmp_path / "t.csv")) as file:
        assert read_plain_csv(file, *arguments) is None
        monkeypatch.setattr(plain_csv, "LONG", 0)
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert read_plain_csv(file, *arguments) is None
