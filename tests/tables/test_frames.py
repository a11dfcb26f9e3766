"""Tables as Python has them: every kind becomes the same frame, or is refused in one line."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import forecast
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.tables.frames import as_frame
from tests.helpers import refusal

MONTHS = pd.date_range("2020-01-01", periods=4, freq="MS")
VALUES = [3.0, 1.0, 4.0, 1.5]
FRAME = pd.DataFrame({"ds": MONTHS, "y": VALUES})
PANEL = pd.concat([FRAME.assign(unique_id=n)[["unique_id", "ds", "y"]] for n in (7, 8)])
INDEXED = FRAME.set_index("ds")


@pytest.mark.parametrize(
    "table",
    [
        FRAME,
        INDEXED,
        INDEXED["y"],
        INDEXED["y"].rename(None).rename_axis(None),
        INDEXED.rename_axis(None),
        FRAME.set_index("ds", drop=False),
        FRAME.iloc[:],
        INDEXED.set_index(MONTHS.to_period("M")),
        FRAME.assign(ds=MONTHS.to_period("M")),
        FRAME.to_dict("list"),
        {"ds": MONTHS.to_numpy(), "y": np.array(VALUES)},
        {"ds": FRAME["ds"], "y": FRAME["y"]},
        FRAME.to_dict("records"),
        {"y": INDEXED["y"]},
        pa.Table.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME).to_batches()[0],
    ],
)
def test_one_series_in_every_form(table):
    frame = as_frame(table)
    assert list(frame.columns) == ["ds", "y"]
    assert frame["ds"].astype("datetime64[ns]").tolist() == MONTHS.tolist()
    assert frame["y"].tolist() == VALUES


def arrow(cells, kind):
    return pd.Series(pd.array(cells, dtype=pd.ArrowDtype(kind)))


BERLIN = MONTHS.tz_localize("Europe/Berlin")


@pytest.mark.parametrize(
    "cells",
    [
        arrow(BERLIN, pa.timestamp("us", "Europe/Berlin")),
        pd.Series(BERLIN, dtype=object),
        pd.Series(BERLIN.to_pydatetime(), dtype=object),
    ],
)
def test_times_keep_their_zone_whatever_holds_them(cells):
    panel = read_panel(DataConfig(path="-"), pd.DataFrame({"ds": cells, "y": VALUES}))
    assert panel.axis.timezone == "Europe/Berlin"
    assert panel.axis.column(np.arange(4)).tolist() == BERLIN.tolist()


@pytest.mark.parametrize(
    "cells",
    [
        pd.arrays.SparseArray(VALUES),
        arrow(
            [Decimal("3.00"), Decimal("1.00"), Decimal("4.00"), Decimal("1.50")],
            pa.decimal128(9, 2),
        ),
        arrow(VALUES, pa.float32()),
    ],
)
def test_numbers_of_further_types_are_read_and_left_as_they_are(cells):
    frame = FRAME.assign(y=cells)
    before = frame.copy(deep=True)
    assert read_panel(DataConfig(path="-"), frame).values[:, 0].tolist() == VALUES
    assert forecast.quick(frame, target="y", frequency="MS").panel.values[:, 0].tolist() == VALUES
    pd.testing.assert_frame_equal(frame, before)


def test_integers_beyond_all_floats_are_named():
    beyond = pd.DataFrame({"ds": MONTHS, "y": pd.Series([10**400, 1, 2, 3], dtype=object)})
    for table, target in ((beyond, None), (beyond, "y"), ([10**400, 1, 2, 3], "y")):
        said = refusal(forecast.quick, table, target=target)
        assert "column 'y' holds '1000" in said or "column 'y' holds inf," in said, said


def test_lists_in_a_column_of_arrow_are_no_numbers():
    frame = FRAME.assign(y=arrow([[value] for value in VALUES], pa.list_(pa.float64())))
    assert "column 'y' holds array([3.]): a ndarray" in refusal(forecast.quick, frame, target="y")


def test_series_of_one_index_keep_it_and_of_several_are_refused():
    shuffled = FRAME["y"].iloc[[2, 0, 1, 3]]
    for table in (
        {"ds": FRAME["ds"], "y": shuffled},
        {"ds": MONTHS, "y": shuffled, "z": FRAME["y"]},
    ):
        assert refusal(as_frame, table).startswith("data: its series have different indexes; ")
    both = as_frame({"a": INDEXED["y"], "b": INDEXED["y"] + 1})
    assert list(both.columns) == ["ds", "a", "b"]
    assert list(as_frame({"ds": INDEXED.index, "y": INDEXED["y"]}).columns) == ["ds", "y"]


def test_levels_of_an_index_that_would_be_one_column_are_refused():
    deep = PANEL.assign(region="r").set_index(["region", "unique_id", "ds"])["y"]
    assert list(as_frame(deep).columns) == ["region", "unique_id", "ds", "y"]
    assert refusal(as_frame, deep.rename_axis([None] * 3)) == (
        "data: two of the 3 levels of its index would be the column 'ds'; name each level, as in"
        " data.rename_axis([...])"
    )


def test_labels_of_rows_that_repeat_tell_nothing():
    texts = FRAME.astype({"y": str})
    repeated = forecast.quick(texts.set_axis([0, 0, 1, 1]), horizon=1).forecast
    pd.testing.assert_frame_equal(repeated, forecast.quick(FRAME, horizon=1).forecast)


def test_durations_are_no_times():
    hours = FRAME[["y"]].set_index(pd.to_timedelta(range(4), unit="h"))
    assert refusal(forecast.quick, hours).endswith(
        "'0 days 00:00:00', which is not read as a date; a duration is none; add it to the time at"
        " which it begins"
    )
    lasting = FRAME.assign(y=pd.to_timedelta(VALUES, unit="h"))
    for table, target in ((lasting, None), (lasting, "y"), (lasting.astype(object), "y")):
        message = refusal(forecast.quick, table, target=target)
        assert "column 'y' holds '0 days 03:00:00', a duration; make numbers" in message


def test_a_table_of_python_has_no_line_above_its_columns():
    assert refusal(forecast.quick, FRAME[["y"]]) == (
        "data: beside y there are no times; give them a column or, in pandas, the index; a column"
        " alone, without a frame, has the times 0, 1, ..."
    )
    several = FRAME[["y"]].assign(z=1)
    message = refusal(forecast.quick, several)
    assert message == "data: none of the columns y, z holds times; name it with time"


def test_masked_cells_are_empty():
    masked = np.ma.masked_array(VALUES, [False, True, False, False])
    for table in (masked, {"ds": MONTHS, "y": masked}):
        values = as_frame(table).iloc[:, -1].to_numpy()
        assert np.array_equal(values, [3.0, np.nan, 4.0, 1.5], equal_nan=True)


def test_none_among_numbers_in_a_row_is_an_empty_cell():
    for numbers in ([None, 2, 3.5], [pd.NA, Decimal(2), Decimal("3.5")]):
        values = as_frame(numbers)["y"].to_numpy()
        assert np.array_equal(values, [np.nan, 2, 3.5], equal_nan=True)


@pytest.mark.parametrize("table", [VALUES, tuple(VALUES), np.array(VALUES), pd.Series(VALUES)])
def test_numbers_in_a_row_have_the_times_0_1_2(table):
    frame = as_frame(table)
    assert frame.to_dict("list") == {"ds": [0, 1, 2, 3], "y": VALUES}


@pytest.mark.parametrize("names", [["unique_id", "ds"], [None, None]])
def test_the_levels_of_an_index_are_columns(names):
    frame = as_frame(PANEL.set_index(["unique_id", "ds"]).rename_axis(names))
    pd.testing.assert_frame_equal(frame, PANEL.reset_index(drop=True))
    steps = PANEL.assign(ds=[0, 1, 2, 3] * 2).set_index(["unique_id", "ds"])["y"]
    assert list(as_frame(steps.rename_axis(names)).columns) == ["unique_id", "ds", "y"]


def test_row_numbers_are_no_column_and_texts_are():
    shuffled = FRAME.iloc[[2, 0, 1]]
    assert as_frame(shuffled) is shuffled
    texts = FRAME[["y"]].set_index(MONTHS.strftime("%Y-%m-%d"))
    assert as_frame(texts)["ds"].tolist() == [
        "2020-01-01",
        "2020-02-01",
        "2020-03-01",
        "2020-04-01",
    ]


def test_names_of_a_configuration_are_given_to_what_has_none():
    assert list(as_frame(INDEXED.rename_axis(None), time="month").columns) == ["month", "y"]
    assert list(as_frame(INDEXED["y"].rename("z"), target="sales").columns) == ["ds", "sales"]
    # The default name is nobody's wish: dates that are called otherwise are the times.
    assert list(as_frame(INDEXED.rename_axis("Date"), time="ds").columns) == ["ds", "y"]
    assert list(as_frame(INDEXED.rename_axis("Date"), time="month").columns) == ["Date", "y"]
    assert list(as_frame(INDEXED["y"].rename("z").rename_axis("t")).columns) == ["t", "z"]


def test_nothing_of_a_frame_is_changed():
    before = PANEL.set_index(["unique_id", "ds"])
    copy = before.copy(deep=True)
    as_frame(before)
    pd.testing.assert_frame_equal(before, copy)
    periods = FRAME.assign(ds=MONTHS.to_period("M"))
    as_frame(periods)
    assert periods["ds"].dtype == "period[M]"


def test_frames_and_columns_of_polars():
    pl = pytest.importorskip("polars")
    table = pl.from_pandas(PANEL)
    for form in (table, table.lazy(), table.with_columns(pl.col("ds").dt.date())):
        frame = as_frame(form)
        assert frame["unique_id"].tolist() == PANEL["unique_id"].tolist()
        assert frame["ds"].astype("datetime64[ns]").tolist() == PANEL["ds"].tolist()
    for column in (pl.Series("y", VALUES), pl.Series(VALUES), pa.chunked_array([VALUES])):
        assert as_frame(column).to_dict("list") == {"ds": [0, 1, 2, 3], "y": VALUES}


class Converts:
    def to_dataframe(self):
        raise AssertionError


MAKE = "is no table with named columns; make one by"
BY_HAND = f"{MAKE} pandas.DataFrame(..., columns=[...])"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (5, f"data: int {BY_HAND}"),
        ("t.csv", f"data: str {MAKE} pandas.read_csv(...), or name the file as data.path"),
        (FRAME.to_numpy(), f"data: numpy.ndarray of shape (4, 2) and type object {BY_HAND}"),
        ([["2020-01-01", 1.0]], f"data: list of shape (1, 2) and type <U32 {BY_HAND}"),
        ([[1], [1, 2]], f"data: list {BY_HAND}"),
        ({"ds": [1, 2], "y": [1]}, f"data: dict of columns with 1 and 2 rows {BY_HAND}"),
        ({"ds": "2020-01-01", "y": 1}, f"data: dict with values that are no columns {BY_HAND}"),
        ({}, f"data: dict of columns with 0 rows {BY_HAND}"),
        (Converts(), f"data: {__name__}.Converts {MAKE} data.to_dataframe()"),
        (
            pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("Close", "AAPL")])),
            "data: its columns have 2 levels, such as ['Close', 'AAPL']; give each one name, as in"
            " frame.columns = frame.columns.map('_'.join)",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_its_type(table, message):
    assert refusal(as_frame, table) == message


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "Int64", "category", "int64[pyarrow]"])
def test_integer_ids_stay_integers(kind):
    panel = read_panel(DataConfig(path="-"), PANEL.astype({"unique_id": kind}))
    assert panel.id_values[0].tolist() == [7, 8]
    assert panel.id_values[0].dtype.kind == "i"
    assert panel.ids == ("7", "8")


@pytest.mark.parametrize("kind", ["str", "float64"])
def test_other_ids_are_texts(kind):
    panel = read_panel(DataConfig(path="-"), PANEL.astype({"unique_id": kind}))
    assert panel.id_values[0].tolist() == [*panel.ids]


def test_integer_ids_of_a_parquet_file(tmp_path):
    PANEL.to_parquet(tmp_path / "t.parquet")
    assert read_panel(DataConfig(path=str(tmp_path / "t.parquet"))).id_values[0].tolist() == [7, 8]
