"""Panels against rows put on their calendar one by one: series, covariates and categories."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel
from forecast.errors import DataError
from tests.data.helpers import assert_same, read_frame, read_text, series_of
from tests.helpers import refusal


@st.composite
def long_tables(draw):
    """A long table and, for each series, its first position and its cells by position."""
    frequency, origin = draw(
        st.sampled_from(
            [
                *[("D", "2024-02-25"), ("MS", "2023-11-01"), ("ME", "2024-01-31")],
                *[("h", "2024-02-28 22:00"), ("B", "2024-03-01"), ("W-SAT", "2024-01-06")],
                *[("QS-OCT", "2023-10-01"), (3, 1700)],
            ]
        )
    )
    ids = draw(
        st.lists(
            st.sampled_from(["007", "7", "NA", "nan", "a b", "ü"]),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    rows = []
    for name in ids:
        taken = draw(st.sets(st.integers(0, 12), min_size=1, max_size=8))
        rows += [(name, position, draw(st.floats(-1e6, 1e6))) for position in sorted(taken)]
    if draw(st.booleans()):
        rows = sorted(rows, key=lambda row: row[1])
    earliest = min(position for _, position, _ in rows)
    if isinstance(frequency, int):
        times = [origin + frequency * position for _, position, _ in rows]
    else:
        grid = pd.date_range(origin, periods=13, freq=frequency)
        times = [grid[position] for _, position, _ in rows]
    frame = pd.DataFrame({"shop": [row[0] for row in rows], "day": times})
    frame["sales"] = [row[2] for row in rows]
    frame["minus"] = -frame["sales"]
    return frequency, frame, [(name, position - earliest, cell) for name, position, cell in rows]


@given(table=long_tables(), data=st.data())
def test_long_table_from_csv_parquet_and_frame(tmp_path_factory, table, data):
    frequency, frame, rows = table
    options = {"time": "day", "id": "shop", "target": ("sales", "minus"), "frequency": frequency}
    panel = read_frame(frame, **options)
    assert panel.ids == tuple(dict.fromkeys(name for name, _, _ in rows))
    assert panel.columns == panel.targets == ("sales", "minus")
    assert panel.num_series == len(panel.ids)
    assert panel.has_ids
    for number, name in enumerate(panel.ids):
        cells = {position: cell for other, position, cell in rows if other == name}
        assert panel.starts[number] == min(cells)
        expected = [cells.get(p, np.nan) for p in range(min(cells), max(cells) + 1)]
        np.testing.assert_array_equal(series_of(panel, number)[:, 0], expected)
        np.testing.assert_array_equal(-series_of(panel, number)[:, 1], expected)
    in_table = np.flatnonzero(panel.in_table)
    for row in in_table:
        assert panel.values[row, 0] == rows[panel.lines[row]][2]
        assert panel.place(int(row)) == f"data row {panel.lines[row]}"
    written = panel.axis.column(panel.positions(in_table)).tolist()
    assert written == frame["day"][np.asarray(panel.lines)[in_table]].tolist()

    folder = tmp_path_factory.mktemp("panel")
    frame.to_csv(folder / "data.csv", index=False)
    frame.to_parquet(folder / "data.parquet")
    from_csv = read_panel(DataConfig(path=str(folder / "data.csv"), **options))
    from_parquet = read_panel(DataConfig(path=str(folder / "data.parquet"), **options))
    assert_same(panel, from_parquet)
    assert_same(panel, from_csv, lines=False)
    np.testing.assert_array_equal(
        from_csv.lines, np.where(panel.in_table, np.asarray(panel.lines) + 2, -1)
    )

    order = data.draw(st.permutations(range(len(frame))))
    shuffled = read_frame(frame.iloc[order], sort=True, **options)
    numbers = np.array([shuffled.ids.index(name) for name in panel.ids])
    assert_same(panel, shuffled.select(numbers), lines=False)


def test_wide_table(tmp_path):
    text = (
        "b,ds,price,y,hour,a,note\n"
        "1,2024-01-01,2,3,4,5,x\n6,2024-01-02,7,8,9,10,\n,2024-01-03,,,,0,\n"
    )
    panel = read_text(tmp_path, text, target=("y", "a"), past=("b",), future=("hour", "price"))
    assert panel.columns == ("y", "a", "b", "hour", "price")
    assert panel.targets == ("y", "a")
    nan = np.nan
    expected = [[3, 5, 1, 4, 2], [8, 10, 6, 9, 7], [nan, 0, nan, nan, nan]]
    np.testing.assert_array_equal(panel.values, expected)
    assert panel.ids == ("series",)
    assert not panel.has_ids
    assert panel.axis.frequency == "D"
    assert [*panel.lines] == [2, 3, 4]
    assert panel.static.shape == (1, 0)


def test_frame_is_read_like_its_csv_with_dates_or_text():
    dates = pd.date_range("2024-01-31", periods=4, freq="ME")
    frame = pd.DataFrame({"ds": dates, "y": [1, 2, 3, 4]})
    text = frame.assign(ds=dates.strftime("%Y-%m-%d"), y=["1", "2", "3", "4"])
    periods = frame.assign(ds=dates.to_period("M"))
    assert_same(read_frame(frame), read_frame(text))
    assert_same(read_frame(frame), read_frame(frame.assign(ds=dates.date)))
    assert read_frame(periods).axis.frequency == "MS"


@pytest.mark.parametrize("cells", [["1700", "1701", "1703"], ["1700.0", "1701.0", "1703.0"]])
def test_integer_times(tmp_path, cells):
    text = "year,spots\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells))
    panel = read_text(tmp_path, text, time="year", target="spots")
    assert (panel.axis.origin, panel.axis.frequency) == (1700, 1)
    np.testing.assert_array_equal(panel.values[:, 0], [0, 1, np.nan, 2])
    assert panel.axis.column(np.arange(5)).tolist() == [1700, 1701, 1702, 1703, 1704]


def test_one_row(tmp_path):
    text = "ds,y\n2024-01-01,5\n"
    panel = read_text(tmp_path, text, frequency="MS")
    assert panel.values.tolist() == [[5]]
    assert panel.axis.dates(np.array([1]))[0] == pd.Timestamp("2024-02-01")


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "options", "rows", "frequency", "total"),
    [
        ("air_passengers", {"time": "month", "target": "passengers"}, 144, "MS", 40363),
        ("co2", {"time": "week", "target": "co2"}, 2284, "W-SAT", 756816.5),
        ("macro", {"time": "quarter", "target": "realgdp"}, 203, "QS-JAN", None),
        ("sunspots", {"time": "year", "target": "sunspots"}, 309, 1, None),
    ],
)
def test_bundled_data(name, options, rows, frequency, total):
    panel = read_panel(DataConfig(path=str(ROOT / "data" / f"{name}.csv"), **options))
    assert panel.values.shape == (rows, 1)
    assert panel.axis.frequency == frequency
    source = pd.read_csv(ROOT / "data" / f"{name}.csv")[options["target"]]
    np.testing.assert_array_equal(panel.values[:, 0], source)
    assert total is None or np.nansum(panel.values) == pytest.approx(total, abs=1e-6)


def test_ids_stay_as_written(tmp_path):
    text = "unique_id,ds,y\n007,1,1\nNA,1,2\n7,1,3\n 7,1,4\nnull,1,5\n1e5,1,6\n"
    panel = read_text(tmp_path, text, frequency=1)
    assert panel.ids == ("007", "NA", "7", " 7", "null", "1e5")
    assert panel.values[:, 0].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("empty", ["", None, np.nan, pd.NA])
def test_empty_id(empty):
    frame = pd.DataFrame({"unique_id": ["a", "a", empty], "ds": [1, 2, 3], "y": [1, 2, 3]})
    assert (
        refusal(read_frame, frame) == "data row 2: column 'unique_id' is empty; name the series, or"
        " delete the row if it is a total"
    )


def test_id_column_by_default_by_name_and_by_none(tmp_path):
    frame = pd.DataFrame({"unique_id": list("aab"), "shop": list("xyx"), "ds": [1, 2, 3], "y": 0})
    assert read_frame(frame, frequency=1).ids == ("a", "b")
    assert read_frame(frame, frequency=1, id="shop").ids == ("x", "y")
    assert read_frame(frame, frequency=1, id=None).ids == ("series",)
    assert read_frame(frame.drop(columns="unique_id"), frequency=1).ids == ("series",)
    assert refusal(read_frame, frame, frequency=1, id="shops") == (
        "data: no column 'shops'; did you mean 'shop'?"
    )


def test_integer_column_names_and_any_index():
    frame = pd.DataFrame([[1, 5.0], [2, 6.0], [3, 7.0]], index=[3, 3, 3])
    assert read_frame(frame, time="0", target="1").values[:, 0].tolist() == [5, 6, 7]


def test_categories_and_static_columns(tmp_path):
    text = (
        "unique_id,ds,y,weather,promotion,size,town\n"
        "a,1,1,sun,1,10,007\na,2,2,,NA,10,007\na,3,3,rain,0,10,007\nb,1,4,sun,1,20,NA\n"
    )
    options = {
        "past": ({"weather": {"encoding": "one_hot"}},),
        "future": ("promotion",),
        "static": ("size", {"town": {"encoding": "embedding"}}),
    }
    panel = read_text(tmp_path, text, **options)
    assert panel.columns == ("y", "weather", "promotion")
    assert panel.categories == {"weather": ("rain", "sun"), "town": ("007", "NA")}
    np.testing.assert_array_equal(panel.values[:, 1], [1, np.nan, 0, 1])
    np.testing.assert_array_equal(panel.values[:, 2], [1, np.nan, 0, 1])
    assert panel.static_columns == ("size", "town")
    assert panel.static.tolist() == [[10, 0], [20, 1]]
    frame = pd.read_csv(tmp_path / "data.csv", dtype={"town": object}, keep_default_na=False)
    assert_same(panel, read_frame(frame, **options), lines=False)
    missing = frame.assign(weather=frame["weather"].replace("", None))
    assert_same(panel, read_frame(missing, **options), lines=False)
    categories = missing.assign(weather=missing["weather"].astype("category"))
    assert_same(panel, read_frame(categories, **options), lines=False)


def test_future_covariates_alone():
    frame = pd.DataFrame({"ds": [5, 6, 7], "price": [1, 2, 3], "kind": list("xyx")})
    options = {"future": ("price", {"kind": {"encoding": "ordinal"}}), "static": ("size",)}
    panel = read_frame(frame, require_targets=False, past=("other",), **options)
    assert panel.columns == ("price", "kind")
    assert panel.targets == ()
    assert panel.static_columns == ()
    assert panel.values.tolist() == [[1, 0], [2, 1], [3, 0]]
    assert panel.axis.origin == 5
    assert read_frame(frame, require_targets=False).values.shape == (3, 0)
    assert refusal(read_frame, frame, **options) == "data: no column 'y'; known: ds, price, kind"


def panel_or_message(config: DataConfig) -> Panel | str:
    try:
        return read_panel(config)
    except DataError as error:
        return str(error)


TIMES = (
    *(
        "2024-01-01",
        "2024-01-02",
        "2024-01-03",
        "2024-02-01",
        "2024-03-31 02:30",
        "2024-10-27 02:30",
    ),
    *(
        "2024-10-27 02:30+02:00",
        "2024-01-01T00:00Z",
        "01/02/2024",
        "13/02/2024",
        "1",
        "2",
        "3",
        "3.0",
    ),
    *(
        "",
        "x",
        "2024",
        "20240101",
        "2204-01-01",
        "9999-12-31",
        "1e3",
        "NaT",
        "24:00",
        "2024-W01",
        "-1",
    ),
)


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(TIMES),
            st.sampled_from(["a", "b", "007", ""]),
            st.sampled_from(["1", "-2.5", "", "x", "inf", "1e39", "True", "1,5", "NA"]),
        ),
        max_size=6,
    ),
    options=st.just({"frequency": 1})
    | st.fixed_dictionaries(
        {
            "frequency": st.sampled_from(["auto", "D", "h", "MS", "B", "bh", "x"]),
            "timezone": st.sampled_from([None, "Europe/Berlin", "America/Havana"]),
            "time_format": st.sampled_from([None, None, "%Y-%m-%d", "%Y", "%Y%q", "unix_s"]),
        }
    ),
    sort=st.booleans(),
)
def test_any_table_is_a_panel_or_one_clear_line(tmp_path_factory, rows, options, sort):
    path = str(tmp_path_factory.mktemp("panel") / "data.csv")
    pd.DataFrame(rows, columns=["ds", "unique_id", "y"]).to_csv(path, index=False)
    found = panel_or_message(DataConfig(path=path, sort=sort, **options))
    if isinstance(found, str):
        assert "\n" not in found
        assert found.startswith((path, "data.frequency", "data.time_format"))
    else:
        assert found.in_table.sum() == sum(any(row) for row in rows)
