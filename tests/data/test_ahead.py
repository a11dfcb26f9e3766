"""Rows without a target at the end of a series: the future that is known, and where it begins."""

import logging

import numpy as np
import pandas as pd

from forecast.data.checks import findings
from forecast.data.future import future_rows
from tests.data.helpers import assert_same, read_frame, read_text
from tests.data.test_future import PRICE, config

DAYS = pd.date_range("2024-03-01", periods=12)


def table(known, ids=(None,), **columns):
    """Twelve days of each series, of which so many have a target."""
    frames = [
        pd.DataFrame({"unique_id": name, "ds": DAYS, "y": np.arange(12.0), "price": np.arange(12)})
        for name in ids
    ]
    for frame, count in zip(frames, known, strict=True):
        frame.loc[count:, "y"] = np.nan
    whole = pd.concat(frames, ignore_index=True).assign(**columns)
    return whole if ids != (None,) else whole.drop(columns="unique_id")


def test_rows_without_a_target_are_the_future(caplog):
    frame = table([9])
    with caplog.at_level(logging.WARNING):
        panel = read_frame(frame, future=("price",))
    assert caplog.messages == [
        "data row 9: from here on 3 rows have no target: they are the future, and the forecast"
        " begins with them"
    ]
    assert_same(panel, read_frame(frame[:9], future=("price",)))
    assert panel.ahead.values.tolist() == [[9], [10], [11]]
    _, rows = future_rows(PRICE, panel, None, 3, 3)
    assert rows[0, :, 1].tolist() == [9, 10, 11]
    (found,) = findings(panel)
    assert found.kind == "future"
    assert found.message.startswith("data row 9: from here on 3 rows are without a target")


def test_a_table_of_its_own_counts_and_adds_what_is_missing():
    panel = read_frame(table([9]), future=("price",))
    newer = pd.DataFrame({"ds": pd.date_range("2024-03-11", periods=4), "price": [7, 8, 9, 10]})
    _, rows = future_rows(PRICE, panel, newer, 5, 5)
    assert rows[0, :, 1].tolist() == [9, 7, 8, 9, 10]


def test_every_series_has_its_own_future(caplog):
    frame = table([9, 12, 3, 0], ids="abcd")
    panel = read_frame(frame, future=("price",))
    assert panel.lengths.tolist() == [9, 12, 3, 12]  # of the last nothing is known at all
    assert panel.ahead.ids == ("a", "c")
    assert panel.ahead.lengths.tolist() == [3, 9]
    assert panel.ahead.starts.tolist() == [9, 3]
    assert "(and the last of 1 more series)" in caplog.text


def test_categories_and_gaps_ahead():
    options = config(("shop", "one_hot"))
    frame = table([8], shop=[*"aabbaabb", "a", "c", "", "a"])
    panel = read_frame(frame.drop(index=10), future=options.future)
    history, rows = future_rows(options, panel, None, 2, 2)
    names = history.categories["shop"]
    assert [names[int(number)] for number in rows[0, :, 1]] == ["a", "c"]


def test_one_target_of_two_is_history():
    frame = table([9], second=np.arange(12.0))
    assert read_frame(frame, target=("y", "second"), future=("price",)).ahead is None


def test_empty_cells_of_a_csv(tmp_path):
    text = "ds,y,price\n2024-01-01,1,1\n2024-01-02,2,2\n2024-01-03,3,3\n2024-01-04,,4\n"
    panel = read_text(tmp_path, text, future=("price",))
    assert panel.lengths.tolist() == [3]
    assert panel.ahead.place(0).endswith("data.csv:5")
    assert read_text(tmp_path, text).lengths.tolist() == [3]
