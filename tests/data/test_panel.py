"""Panels against rows put on their calendar one by one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.panel import Panel, offsets_of, ragged_ranges
from forecast.errors import DataError
from tests.helpers import refusal

ROOT = Path(__file__).resolve().parents[2]


def write(folder, text, name="data.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def read(frame, require_targets=True, **options) -> Panel:
    return read_panel(DataConfig(path="none", **options), frame, require_targets)


def read_text(folder, text, **options) -> Panel:
    return read_panel(DataConfig(path=write(folder, text), **options))


def series_of(panel: Panel, number: int) -> np.ndarray:
    return panel.values[panel.offsets[number] : panel.offsets[number + 1]]


def assert_same(first: Panel, second: Panel, lines=True):
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.offsets, second.offsets)
    np.testing.assert_array_equal(first.starts, second.starts)
    np.testing.assert_array_equal(first.static, second.static)
    if lines:
        np.testing.assert_array_equal(first.lines, second.lines)
    for name in (
        "ids",
        "axis",
        "columns",
        "num_targets",
        "static_columns",
        "categories",
        "has_ids",
    ):
        assert getattr(first, name) == getattr(second, name), name


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


@settings(max_examples=30, deadline=None)
@given(table=long_tables(), data=st.data())
def test_long_table_from_csv_parquet_and_frame(tmp_path_factory, table, data):
    frequency, frame, rows = table
    options = {"time": "day", "id": "shop", "target": ("sales", "minus"), "frequency": frequency}
    panel = read(frame, **options)
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
    shuffled = read(frame.iloc[order], sort=True, **options)
    numbers = np.array([shuffled.ids.index(name) for name in panel.ids])
    assert_same(panel, shuffled.select(numbers), lines=False)


def test_wide_table(tmp_path):
    text = (
        "b,ds,price,y,hour,a,note\n"
        "1,2024-01-01,2,3,4,5,x\n6,2024-01-02,7,8,9,10,\n,2024-01-03,,,,,\n"
    )
    panel = read_text(tmp_path, text, target=("y", "a"), past=("b",), future=("hour", "price"))
    assert panel.columns == ("y", "a", "b", "hour", "price")
    assert panel.targets == ("y", "a")
    np.testing.assert_array_equal(panel.values, [[3, 5, 1, 4, 2], [8, 10, 6, 9, 7], [np.nan] * 5])
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
    assert_same(read(frame), read(text))
    assert_same(read(frame), read(frame.assign(ds=dates.date)))
    assert read(periods).axis.frequency == "MS"


@pytest.mark.parametrize("cells", [["1700", "1701", "1703"], ["1700.0", "1701.0", "1703.0"]])
def test_integer_times(tmp_path, cells):
    text = "year,spots\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells))
    panel = read_text(tmp_path, text, time="year", target="spots")
    assert (panel.axis.origin, panel.axis.frequency) == (1700, 1)
    np.testing.assert_array_equal(panel.values[:, 0], [0, 1, np.nan, 2])
    assert panel.axis.column(np.arange(5)).tolist() == [1700, 1701, 1702, 1703, 1704]


def test_missing_rows_have_no_line_but_a_place(tmp_path):
    text = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\n\na,2024-01-05,\nb,2024-01-02,7\n"
    panel = read_text(tmp_path, text)
    np.testing.assert_array_equal(panel.values[:, 0], [1, 2, np.nan, np.nan, np.nan, 7])
    assert [*panel.lines] == [2, 3, -1, -1, 5, 6]
    path = tmp_path / "data.csv"
    assert panel.place(4) == f"{path}:5"
    assert panel.place(3) == f"{path}, 2024-01-04 00:00:00 of series a"
    assert panel.starts.tolist() == [0, 1]
    assert panel.lengths.tolist() == [5, 1]
    alone = read_text(tmp_path, "ds,y\n1,1\n2,2\n4,4\n")
    assert alone.place(2) == f"{path}, 3"


def test_frequency_comes_from_the_longest_series():
    frame = pd.DataFrame({"unique_id": list("abbbbc"), "ds": [4, 0, 2, 4, 8, 6], "y": range(6)})
    panel = read(frame)
    assert panel.axis.frequency == 2
    assert panel.starts.tolist() == [2, 0, 3]
    assert panel.lengths.tolist() == [1, 5, 1]


def test_series_of_another_frequency(tmp_path):
    hours = pd.date_range("2024-01-01", periods=49, freq="h")
    days = hours[::24]
    frame = pd.concat(
        [
            pd.DataFrame({"unique_id": "hours", "ds": hours, "y": 1.0}),
            pd.DataFrame({"unique_id": "days", "ds": days, "y": 2.0}),
        ]
    )
    panel = read(frame)
    assert panel.lengths.tolist() == [49, 49]
    assert np.flatnonzero(~np.isnan(series_of(panel, 1)[:, 0])).tolist() == [0, 24, 48]
    half = frame.assign(
        ds=frame["ds"] + pd.to_timedelta((frame["unique_id"] == "days") * 1800, "s")
    )
    assert refusal(read, half) == (
        "data row 49: column 'ds': 2024-01-01 00:30:00 is off the grid of frequency h that begins"
        " at 2024-01-01 00:00:00; mend the time, or set data.frequency"
    )


def test_one_row(tmp_path):
    text = "ds,y\n2024-01-01,5\n"
    panel = read_text(tmp_path, text, frequency="MS")
    assert panel.values.tolist() == [[5]]
    assert panel.axis.dates(np.array([1]))[0] == pd.Timestamp("2024-02-01")


@pytest.mark.parametrize(
    ("name", "options", "rows", "frequency", "total"),
    [
        ("air_passengers", {"time": "month", "target": "passengers"}, 144, "MS", 40363),
        ("co2", {"time": "week", "target": "co2"}, 2284, "W-SAT", 756816.5),
        ("macro", {"time": "quarter", "target": "realgdp"}, 203, "QS-OCT", None),
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


# ---- ids


def test_ids_stay_as_written(tmp_path):
    text = "unique_id,ds,y\n007,1,1\nNA,1,2\n7,1,3\n 7,1,4\nnull,1,5\n1e5,1,6\n"
    panel = read_text(tmp_path, text, frequency=1)
    assert panel.ids == ("007", "NA", "7", " 7", "null", "1e5")
    assert panel.values[:, 0].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("empty", ["", None, np.nan, pd.NA])
def test_empty_id(empty):
    frame = pd.DataFrame({"unique_id": ["a", "a", empty], "ds": [1, 2, 3], "y": [1, 2, 3]})
    assert refusal(read, frame) == "data row 2: column 'unique_id' is empty; name the series"


def test_id_column_by_default_by_name_and_by_none(tmp_path):
    frame = pd.DataFrame({"unique_id": list("aab"), "shop": list("xyx"), "ds": [1, 2, 3], "y": 0})
    assert read(frame, frequency=1).ids == ("a", "b")
    assert read(frame, frequency=1, id="shop").ids == ("x", "y")
    assert read(frame, frequency=1, id=None).ids == ("series",)
    assert read(frame.drop(columns="unique_id"), frequency=1).ids == ("series",)
    assert refusal(read, frame, frequency=1, id="shops") == (
        "data: no column 'shops'; did you mean 'shop'?"
    )


def test_integer_column_names_and_any_index():
    frame = pd.DataFrame([[1, 5.0], [2, 6.0], [3, 7.0]], index=[3, 3, 3])
    assert read(frame, time="0", target="1").values[:, 0].tolist() == [5, 6, 7]


# ---- covariates


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
    assert_same(panel, read(frame, **options), lines=False)
    missing = frame.assign(weather=frame["weather"].replace("", None))
    assert_same(panel, read(missing, **options), lines=False)
    categories = missing.assign(weather=missing["weather"].astype("category"))
    assert_same(panel, read(categories, **options), lines=False)


def test_future_covariates_alone():
    frame = pd.DataFrame({"ds": [5, 6, 7], "price": [1, 2, 3], "kind": list("xyx")})
    options = {"future": ("price", {"kind": {"encoding": "ordinal"}}), "static": ("size",)}
    panel = read(frame, require_targets=False, past=("other",), **options)
    assert panel.columns == ("price", "kind")
    assert panel.targets == ()
    assert panel.static_columns == ()
    assert panel.values.tolist() == [[1, 0], [2, 1], [3, 0]]
    assert panel.axis.origin == 5
    assert read(frame, require_targets=False).values.shape == (3, 0)
    assert refusal(read, frame, **options) == "data: no column 'y'; known: ds, price, kind"


# ---- rows in the wrong place


def test_unsorted_rows(tmp_path):
    text = "ds,y\n2024-01-01,1\n2024-01-03,3\n2024-01-02,2\n2024-01-04,4\n"
    panel = read_text(tmp_path, text, sort=True)
    assert panel.values[:, 0].tolist() == [1, 2, 3, 4]
    assert [*panel.lines] == [2, 4, 3, 5]


def test_repeated_hour(tmp_path):
    hours = ["01:00", "02:00", "02:00", "03:00", "04:00"]
    text = "ds,y\n" + "".join(f"2024-10-27 {hour},{row}\n" for row, hour in enumerate(hours))
    panel = read_text(tmp_path, text, timezone="Europe/Berlin")
    assert panel.axis.frequency == "h"
    assert panel.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert str(panel.axis.column(np.array([2]))[0]) == "2024-10-27 02:00:00+01:00"
    quarters = [f"{hour}:{minute}" for hour in ("01", "02", "02", "03") for minute in ("00", "30")]
    text = "ds,y\n" + "".join(f"2024-10-27 {time},{row}\n" for row, time in enumerate(quarters))
    assert read_text(tmp_path, text, timezone="Europe/Berlin").values[:, 0].tolist() == [*range(8)]


def test_offsets_over_the_repeated_hour(tmp_path):
    text = "ds,y\n2024-10-27T01:00+02:00,1\n2024-10-27T02:00+02:00,2\n2024-10-27T02:00+01:00,3\n"
    for timezone in (None, "Europe/Berlin"):
        panel = read_text(tmp_path, text, timezone=timezone)
        assert panel.values[:, 0].tolist() == [1, 2, 3]
        assert panel.axis.timezone == (timezone or "UTC")
        assert panel.axis.origin == pd.Timestamp("2024-10-26 23:00").value


@pytest.mark.parametrize("frequency", ["auto", "D"])
def test_local_days_over_clock_changes(tmp_path, frequency):
    days = pd.date_range("2024-01-01", "2024-12-31").strftime("%Y-%m-%d")
    text = "ds,y\n" + "".join(f"{day},{row}\n" for row, day in enumerate(days))
    panel = read_text(tmp_path, text, timezone="Europe/Berlin", frequency=frequency)
    assert panel.values[:, 0].tolist() == [*range(366)]
    assert panel.axis.frequency == "D"
    summer = panel.axis.column(panel.positions(np.array([200])))[0]
    assert summer == pd.Timestamp(days[200], tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("frequency", "late"),
    [("h", "2204-01-01 05:00"), ("auto", "2204-01-01 05:00"), ("s", "2024-02-01 00:00")],
)
def test_mistyped_year(tmp_path, frequency, late):
    times = pd.date_range("2024-01-01", periods=24, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = [*times[:20], late, *times[20:]]
    text = "ds,y\n" + "".join(f"{time},1\n" for time in rows)
    message = refusal(read_text, tmp_path, text, frequency=frequency, sort=True)
    missing = (pd.Timestamp(late) - pd.Timestamp(times[-1])) // pd.Timedelta(
        1, "s" if frequency == "s" else "h"
    ) - 1
    assert message == (
        f"{tmp_path / 'data.csv'}:22: column 'ds': {missing} rows are missing before {late};"
        " mend the time, or set data.frequency"
    )


@pytest.mark.parametrize("frequency", ["x", "M", "H", "-1D", "0D", "1.5"])
def test_frequency_that_is_none(frequency):
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "y": [1, 2, 3]})
    assert refusal(read, frame, frequency=frequency) == (
        f"data.frequency {frequency!r} is no pandas offset; write e.g. h, D, W-SUN, MS, ME"
    )


@pytest.mark.parametrize(
    ("frequency", "normal"), [("1.5h", "90min"), ("W", "W-SUN"), ("QS", "QS-JAN"), ("1D", "D")]
)
def test_frequency_is_written_in_one_way(frequency, normal):
    dates = pd.date_range("2023-01-01", periods=3, freq=frequency)
    panel = read(pd.DataFrame({"ds": dates, "y": [1, 2, 3]}), frequency=frequency)
    assert panel.axis.frequency == normal
    assert panel.values[:, 0].tolist() == [1, 2, 3]


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


@settings(max_examples=60, deadline=None)
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
            "time_format": st.sampled_from([None, None, "%Y-%m-%d", "%Y", "%Q", "%z"]),
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


# ---- arithmetic of rows


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
    return read(frame, frequency=1)


@settings(max_examples=60, deadline=None)
@given(ranges=st.lists(st.tuples(st.integers(-5, 50), st.integers(0, 6)), max_size=6))
def test_ragged_ranges(ranges):
    first = np.array([a for a, _ in ranges], dtype=np.int64)
    counts = np.array([b for _, b in ranges], dtype=np.int64)
    expected = [row for a, b in ranges for row in range(a, a + b)]
    assert ragged_ranges(first, counts).tolist() == expected
    assert offsets_of(counts).tolist() == [sum(counts[:i]) for i in range(len(counts) + 1)]


@settings(max_examples=60, deadline=None)
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


def test_many_duplicates_are_named_by_line_and_then_counted(tmp_path):
    rows = "".join(f"{time},1\n{time},1\n" for time in range(14))
    message = refusal(read_text, tmp_path, f"ds,y\n{rows}")
    lines = ", ".join(str(line) for line in range(5, 25, 2))
    assert (
        f"data.csv:3: column 'ds': 0 appears twice, other times again in line {lines} and 3 more;"
        in message
    )
