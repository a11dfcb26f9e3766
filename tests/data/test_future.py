"""Covariates over the horizon: every row finds its series and time, or is refused by name."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.future import future_rows
from forecast.errors import DataError

DAYS = pd.date_range("2024-03-01", periods=40)


def config(*future, **options):
    covariates = tuple(
        Covariate(name=name, encoding=encoding) for name, encoding in map(named, future)
    )
    return DataConfig(**{"path": "x", "frequency": "D", "future": covariates, **options})


def named(option):
    return (option, "standardize") if isinstance(option, str) else option


def rows_of(times, **columns):
    return pd.DataFrame({"ds": times, "y": 1.0, **columns})


PRICE = config("price")
HISTORY = read_panel(PRICE, rows_of(DAYS[:10], price=range(10)))


def refusal(history, future, steps=3, horizon=None, options=PRICE):
    with pytest.raises(DataError) as caught:
        future_rows(options, history, future, steps, horizon or steps)
    message = str(caught.value)
    assert "\n" not in message
    return message


def price_ahead(history, future, steps=3, horizon=None, options=PRICE):
    _, rows = future_rows(options, history, future, steps, horizon or steps)
    column = history.columns.index("price")
    others = np.delete(rows, column, axis=2)
    assert np.isnan(others).all()
    return rows[..., column].tolist()


def test_a_name_like_an_address_is_that_of_a_local_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it fails
    path = Path("reference:/x.csv::refs.json")
    path.parent.mkdir()
    path.write_text(rows_of(DAYS[10:13], price=[7, 8, 9]).to_csv(index=False))
    assert price_ahead(HISTORY, "reference://x.csv::refs.json") == [[7, 8, 9]]


# ------------------------------------------------------------------ numbers


def test_a_model_without_future_covariates_needs_no_table():
    options = config(past=(Covariate(name="price"),))
    history = read_panel(options, rows_of(DAYS[:5], price=1.0))
    same, rows = future_rows(options, history, None, 4, 4)
    assert same is history
    assert rows.shape == (1, 4, 2)
    assert np.isnan(rows).all()


def test_the_rows_after_the_history():
    future = pd.DataFrame({"ds": DAYS, "price": np.arange(40) * 1.5, "other": "x"})
    assert price_ahead(HISTORY, future) == [[15.0, 16.5, 18.0]]
    assert price_ahead(HISTORY, future[10:13]) == [[15.0, 16.5, 18.0]]
    assert price_ahead(HISTORY, future[10:11], steps=1) == [[15.0]]


def test_missing_table():
    assert refusal(HISTORY, None) == (
        "the model needs the future values of price; give them as `future` (in the command:"
        " --future FILE), or in rows of the table that have no target yet"
    )
    both = config("price", ("event", "one_hot"))
    history = read_panel(both, rows_of(DAYS[:5], price=1.0, event="a"))
    assert "future values of price, event;" in refusal(history, None, options=both)


def test_from_a_file(tmp_path):
    path = tmp_path / "future.csv"
    path.write_text("ds,price\n2024-03-11,7\n2024-03-12,8\n2024-03-13,9.5\n")
    assert price_ahead(HISTORY, path) == [[7.0, 8.0, 9.5]]
    assert price_ahead(HISTORY, str(path)) == [[7.0, 8.0, 9.5]]
    path.write_text("ds;price\n2024-03-11;7,5\n2024-03-12;8\n")
    other = config("price", separator=";", decimal=",")
    assert price_ahead(HISTORY, path, steps=2, options=other) == [[7.5, 8.0]]
    assert refusal(HISTORY, path).startswith(f"{path}:1: the cells are separated by ';'")
    assert refusal(HISTORY, tmp_path / "none.csv").startswith(f"{tmp_path / 'none.csv'}: no such")


def test_missing_row_and_empty_cell():
    future = pd.DataFrame({"ds": DAYS[10:13], "price": [1.0, np.nan, 3.0]})
    wanted = "data: the row for 2024-03-12 00:00:00 is missing or empty; it needs price"
    assert refusal(HISTORY, future) == wanted
    assert refusal(HISTORY, future.drop(index=1)) == wanted
    assert refusal(HISTORY, future[:1]) == wanted
    earlier = pd.DataFrame({"ds": DAYS[:10], "price": 1.0})
    assert "the row for 2024-03-11 00:00:00 is missing" in refusal(HISTORY, earlier)
    later = pd.DataFrame({"ds": DAYS[30:], "price": 1.0})
    assert "the row for 2024-03-11 00:00:00 is missing" in refusal(HISTORY, later)


@pytest.mark.parametrize(
    ("future", "message"),
    [
        (pd.DataFrame({"ds": DAYS[10:13], "prize": 1.0}), "data: no column 'price'; did you mean"),
        (pd.DataFrame({"price": [1.0]}), "data: no column 'ds'"),
        (pd.DataFrame({"ds": DAYS[10:13], "price": ["1", "2", "x"]}), "column 'price' holds 'x'"),
        (pd.DataFrame({"ds": DAYS[12:9:-1], "price": 1.0}), "sort the rows by time"),
        (pd.DataFrame({"ds": [DAYS[10]] * 2, "price": 1.0}), "appears twice"),
        (pd.DataFrame({"ds": [11, 12, 13], "price": 1.0}), "data.frequency is 'D'"),
        (
            pd.DataFrame({"ds": DAYS[10:13] + pd.Timedelta(hours=12), "price": 1.0}),
            "the row for 2024-03-11 00:00:00 is missing",
        ),
        (
            pd.DataFrame({"ds": pd.date_range(DAYS[10], periods=3, freq="h"), "price": 1.0}),
            "is off the grid of frequency D",
        ),
        (
            pd.DataFrame({"ds": pd.date_range(DAYS[10], periods=3, freq="7D"), "price": 1.0}),
            "the row for 2024-03-12 00:00:00 is missing",
        ),
    ],
)
def test_tables_that_will_not_do(future, message):
    assert message in refusal(HISTORY, future)


def test_beyond_the_horizon_the_last_known_values_are_held(caplog):
    future = pd.DataFrame({"ds": DAYS[10:20], "price": np.arange(10.0)})
    assert price_ahead(HISTORY, future, steps=12, horizon=10) == [[*range(10), 9, 9]]
    assert "future values beyond step 10 are unknown: the last ones are held" in caplog.text
    caplog.clear()
    holes = future.drop(index=[3, 4, 7])
    assert price_ahead(HISTORY, holes, steps=12, horizon=3) == [
        [0, 1, 2, 2, 2, 5, 6, 6, 8, 9, 9, 9]
    ]
    assert "beyond step 3" in caplog.text
    caplog.clear()
    assert price_ahead(HISTORY, future, steps=10) == [[*range(10)]]
    assert caplog.text == ""


# ------------------------------------------------------------------ series


def panel_history(options=PRICE):
    names = {"a": 10, "007": 4, "NA": 12}
    frames = [
        rows_of(DAYS[:length], price=0.0).assign(unique_id=name) for name, length in names.items()
    ]
    return read_panel(options, pd.concat(frames)), names


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    steps=st.integers(1, 5),
    data=st.data(),
)
def test_every_series_gets_its_own_rows(lengths, steps, data):
    names = [f"s{number}" for number in range(len(lengths))]
    first = [data.draw(st.integers(0, 5)) for _ in names]
    history = read_panel(
        PRICE,
        pd.concat(
            rows_of(DAYS[begin : begin + length], price=0.0).assign(unique_id=name)
            for name, begin, length in zip(names, first, lengths, strict=True)
        ),
    )
    table, known = [], {}
    for name in data.draw(st.permutations([*names, "unknown"])):
        begin = data.draw(st.integers(0, 3))
        prices = np.arange(begin, 20) * 10.0 + len(known)
        table.append(pd.DataFrame({"ds": DAYS[begin:20], "unique_id": name, "price": prices}))
        known |= {(name, day): price for day, price in zip(DAYS[begin:20], prices, strict=True)}
    expected = [
        [known[name, DAYS[begin + length + step]] for step in range(steps)]
        for name, begin, length in zip(names, first, lengths, strict=True)
        if not any((name, DAYS[begin + length + step]) not in known for step in range(steps))
    ]
    if len(expected) == len(names):
        assert price_ahead(history, pd.concat(table), steps) == expected
    else:
        assert "is missing or empty" in refusal(history, pd.concat(table), steps)


def test_one_table_for_all_series():
    history, names = panel_history()
    future = pd.DataFrame({"ds": DAYS, "price": np.arange(40.0)})
    expected = [[length, length + 1.0, length + 2.0] for length in names.values()]
    assert price_ahead(history, future) == expected
    each = pd.concat([future.assign(unique_id=name) for name in reversed(names)])
    assert price_ahead(history, each) == expected


def test_one_table_for_all_series_of_a_named_column(tmp_path):
    options = config("price", id="shop")
    frame = pd.concat([rows_of(DAYS[:5], price=0.0, shop=name) for name in "ab"])
    history = read_panel(options, frame)
    future = pd.DataFrame({"ds": DAYS[5:8], "price": [1.0, 2.0, 3.0]})
    assert price_ahead(history, future, options=options) == [[1.0, 2.0, 3.0]] * 2
    future.to_csv(tmp_path / "future.csv", index=False)
    assert price_ahead(history, tmp_path / "future.csv", options=options) == [[1.0, 2.0, 3.0]] * 2


def test_series_and_rows_that_are_missing_are_named():
    history, names = panel_history()
    future = pd.concat(
        [pd.DataFrame({"ds": DAYS, "unique_id": name, "price": 1.0}) for name in names],
        ignore_index=True,
    )
    message = refusal(history, future[future.unique_id != "007"])
    assert message == (
        "data: the row of series 007 for 2024-03-05 00:00:00 is missing or empty; it needs price"
    )
    lost = future.drop(index=future.index[(future.unique_id == "NA") & (future.ds == DAYS[13])])
    assert "the row of series NA for 2024-03-14 00:00:00 is missing" in refusal(history, lost)
    _, rows = future_rows(PRICE, history, lost, 1, 1)
    assert rows.shape == (3, 1, 2)


# ------------------------------------------------------------------ categories

EVENTS = config(("event", "one_hot"))


def events_ahead(history, future, steps=3):
    """Names of the categories over the horizon, None for an empty one."""
    panel, rows = future_rows(EVENTS, history, future, steps, steps)
    assert (
        panel.categories["event"][: len(history.categories["event"])] == history.categories["event"]
    )
    codes = rows[0, :, history.columns.index("event")]
    return [None if np.isnan(code) else panel.categories["event"][int(code)] for code in codes]


@pytest.mark.parametrize(
    "ahead",
    [
        ["sale", "fair", "sale"],
        ["sale", "new", "fair"],
        ["new", "newer", "new"],
        ["fair", "aardvark", "sale"],
        ["sale", "007", "NA"],
        ["sale", None, "fair"],
        [None, None, None],
    ],
)
@pytest.mark.parametrize("from_file", [True, False])
def test_categories_keep_their_names(tmp_path, ahead, from_file):
    history = read_panel(EVENTS, rows_of(DAYS[:4], event=["sale", "fair", "", "sale"]))
    future = pd.DataFrame({"ds": DAYS[4:7], "event": ahead})
    if from_file:
        future.to_csv(tmp_path / "future.csv", index=False)
        future = tmp_path / "future.csv"
    assert events_ahead(history, future) == ahead


def test_category_that_newer_history_lacks():
    history = read_panel(EVENTS, rows_of(DAYS[:4], event="fair"))
    future = pd.DataFrame({"ds": DAYS[4:7], "event": ["sale", "fair", "sale"]})
    assert events_ahead(history, future) == ["sale", "fair", "sale"]


def test_missing_row_of_categories_is_not_an_empty_one():
    history = read_panel(EVENTS, rows_of(DAYS[:4], event="fair"))
    future = pd.DataFrame({"ds": DAYS[[4, 6]], "event": ["sale", "fair"]})
    message = refusal(history, future, options=EVENTS)
    assert message == "data: the row for 2024-03-06 00:00:00 is missing or empty; it needs event"


def test_numbers_and_categories_together():
    both = config(("event", "embedding"), "price", past=(Covariate(name="load"),))
    frame = rows_of(DAYS[:4], price=0.0, load=1.0, event=["b", "c", "b", "c"])
    history = read_panel(both, frame)
    future = pd.DataFrame({"price": [5.0, 6.0], "event": ["c", "a"], "ds": DAYS[4:6]})
    panel, rows = future_rows(both, history, future, 2, 2)
    assert history.columns == ("y", "load", "event", "price")
    assert panel.categories == {"event": ("b", "c", "a")}
    expected = [[[np.nan, np.nan, 1, 5], [np.nan, np.nan, 2, 6]]]
    np.testing.assert_array_equal(rows, expected)


# ------------------------------------------------------------------ times


def hours_in(zone, periods, first="2024-10-26 20:00"):
    return pd.date_range(
        pd.Timestamp(first, tz="Europe/Berlin"), periods=periods, freq="h"
    ).tz_convert(zone)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York"])
def test_the_same_hours_in_another_zone(zone):
    options = config("price", frequency="h")
    history = read_panel(options, rows_of(hours_in("Europe/Berlin", 5), price=0.0))
    future = pd.DataFrame({"ds": hours_in(zone, 12), "price": np.arange(12.0)})
    assert price_ahead(history, future, options=options) == [[5.0, 6.0, 7.0]]


def test_local_hours_without_a_zone():
    options = config("price", frequency="h")
    history = read_panel(options, rows_of(hours_in("Europe/Berlin", 5), price=0.0))
    wall = hours_in("Europe/Berlin", 12).tz_localize(None)
    future = pd.DataFrame({"ds": wall, "price": np.arange(12.0)})
    assert price_ahead(history, future, options=options) == [[5.0, 6.0, 7.0]]


def test_hours_with_a_zone_after_a_history_without():
    options = config("price", frequency="h")
    wall = hours_in("Europe/Berlin", 5).tz_localize(None)
    history = read_panel(options, rows_of(wall, price=0.0))
    future = pd.DataFrame({"ds": hours_in("UTC", 12), "price": 1.0})
    assert refusal(history, future, options=options) == (
        "data: column 'ds' has the time zone UTC, the history has none; write the times of both"
        " alike"
    )


def test_integer_times():
    options = config("price", frequency=5)
    history = read_panel(options, rows_of(np.arange(4) * 5 + 2, price=0.0))
    future = pd.DataFrame({"ds": np.arange(10) * 5 + 2, "price": np.arange(10.0)})
    assert price_ahead(history, future, options=options) == [[4.0, 5.0, 6.0]]
    message = refusal(history, future[:6], options=options)
    assert message == "data: the row for 32 is missing or empty; it needs price"
    dates = pd.DataFrame({"ds": DAYS, "price": 1.0})
    assert "data.frequency is 5, a step of integers" in refusal(history, dates, options=options)


def test_months_end_on_different_days():
    options = config("price", frequency="ME")
    months = pd.date_range("2023-10-31", periods=12, freq="ME")
    history = read_panel(options, rows_of(months[:3], price=0.0))
    future = pd.DataFrame({"ds": months[2:], "price": np.arange(10.0)})
    assert price_ahead(history, future, options=options) == [[1.0, 2.0, 3.0]]
