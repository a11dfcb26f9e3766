"""Series that several columns name together: told apart, named, and given back column by column."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import forecast
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.names import name_of, parts_of
from forecast.data.series import together
from forecast.data.spanning import require_series_apart
from forecast.errors import ForecastError
from forecast.export.describe import description
from forecast.forecasting import file_content, model_file
from forecast.tables import parts as files
from tests.helpers import refusal
from tests.waves import TABLE

PART = st.text(st.sampled_from("a/\\1 "), min_size=1, max_size=4)
DATA = {"id": ["store", "item"], "target": "y"}
SECTIONS = {
    "data": DATA,
    "window": {"lookback": 6, "horizon": 3},
    "split": {"validation": 8, "test": 8},
    "model": {"hidden_size": 3},
    "training": {"epochs": 1},
}
PAIRS = [(3, "tea"), (3, "a/b"), (1, "tea")]
ROWS = TABLE[TABLE.unique_id == "a"][["ds", "y"]]
TWO = pd.concat([ROWS.assign(store=s, item=i, y=ROWS.y + n) for n, (s, i) in enumerate(PAIRS)])


@given(st.lists(st.tuples(PART, PART, PART), min_size=2, max_size=2))
def test_a_name_of_parts_is_that_of_no_others(both):
    names = [name_of(parts) for parts in both]
    assert [parts_of(name, 3) for name in names] == both
    assert (names[0] == names[1]) == (both[0] == both[1])


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=30))
def test_together_is_a_dictionary_of_tuples(rows):
    columns = [(tuple("wxyz"), np.array(each, dtype=np.int8)) for each in zip(*rows, strict=True)]
    names, codes = together(columns)
    seen = dict.fromkeys(tuple("wxyz"[n] for n in row) for row in rows)
    assert names == tuple(map("/".join, seen))
    assert [names[code] for code in codes] == ["/".join("wxyz"[n] for n in row) for row in rows]


def test_a_newer_table_may_write_each_column_in_another_way():
    config = DataConfig(path="data", **{**DATA, "id": ("store", "item"), "target": ("y",)})
    known = read_panel(config, TWO)
    assert known.ids == ("3/tea", "3/a\\/b", "1/tea")
    assert known.integer_ids == (True, False)
    newer = read_panel(config, TWO.astype({"store": float}), known=known)
    assert newer.ids == known.ids
    with pytest.raises(ForecastError, match="no column 'item'"):
        read_panel(config, TWO.drop(columns="item"), require_targets=False)
    blank = TWO.assign(item=TWO.item.where(TWO.y != TWO.y.iloc[5]))
    assert refusal(read_panel, config, blank) == (
        "data row 5: column 'item' is empty; name the series, or delete the row if it is a total"
    )


def test_outputs_give_the_columns_back(tmp_path):
    model = forecast.train(SECTIONS, TWO)
    model.save(tmp_path / "m.safetensors")
    for each in (model, forecast.load(tmp_path / "m.safetensors")):
        table = each.forecast(TWO)
        assert [*table.columns[:3]] == ["store", "item", "ds"]
        assert [*dict.fromkeys(zip(table.store, table["item"], strict=True))] == PAIRS
        assert table.store.dtype.kind == "i"
    alone = forecast.train(
        {**SECTIONS, "data": {"id": "unique_id", "target": "y"}},
        TWO.assign(unique_id=TWO.store.astype(str) + TWO.item),
    )
    np.testing.assert_array_equal(alone.forecast().forecast, model.forecast().forecast)
    assert [*model.sample(samples=2).table.columns[:2]] == ["store", "item"]
    tested = forecast.backtest(SECTIONS, folds=1, data=TWO)
    assert [*tested.forecasts.columns[2:5]] == ["store", "item", "ds"]
    assert {*tested.to_nixtla().unique_id} == {"3/tea", "3/a\\/b", "1/tea"}
    assert description(model)["id"] == ("store", "item")


def test_quick_and_proposals_find_the_columns_or_are_told(tmp_path):
    for given_ids in (None, ["store", "item"]):
        found = forecast.quick(TWO, id=given_ids, horizon=2, partners=(), folds=0).forecast
        assert [*dict.fromkeys(zip(found.store, found["item"], strict=True))] == PAIRS
        config = forecast.propose(TWO, id=given_ids, horizon=3)
        assert config.data.id == ("store", "item")
    text = io.BytesIO(TWO.to_csv(index=False).encode())
    (tmp_path / "t.csv").write_bytes(text.getvalue())
    assert forecast.propose(tmp_path / "t.csv", horizon=3).data.ids == ("store", "item")


def test_a_series_of_two_columns_stands_in_one_file_of_a_folder(tmp_path):
    config = DataConfig(path=str(tmp_path), **{**DATA, "id": ("store", "item"), "target": ("y",)})
    for number, (store, item) in enumerate(PAIRS):
        one = TWO[(TWO.store == store) & (TWO["item"] == item)]
        one.to_parquet(tmp_path / f"{number}.parquet", index=False)
    assert read_panel(config).ids == ("3/tea", "3/a\\/b", "1/tea")
    with files.parts_of(str(tmp_path), files.files_of(str(tmp_path))) as parts:
        require_series_apart(parts, config)
    TWO.tail(1).to_parquet(tmp_path / "4.parquet", index=False)
    with files.parts_of(str(tmp_path), files.files_of(str(tmp_path))) as parts:
        assert "4.parquet: series 1/tea stands in" in refusal(require_series_apart, parts, config)


def test_a_file_whose_names_are_of_other_columns_is_refused(tmp_path, monkeypatch):
    model = forecast.train(SECTIONS, TWO)
    content = file_content.content_of(model)
    for wrong in (
        replace(content, ids=("a", "b", "c")),
        replace(content, integer_ids=(False,)),
        replace(content, integer_ids=(True, True)),
    ):
        monkeypatch.setattr(model_file, "content_of", lambda _, wrong=wrong: wrong)
        model.save(tmp_path / "m.safetensors")
        assert "not a model of this program" in refusal(forecast.load, tmp_path / "m.safetensors")
