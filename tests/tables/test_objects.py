"""Cells that are no single value are refused with their row, wherever a table comes from."""

import decimal

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from tests.helpers import refusal
from tests.init.looking import read_any

DAYS = pd.date_range("2024-01-01", periods=3).astype(str)

ODD = {
    "list": ([["a"], ["b"], None], "a ndarray; write one number or text in each cell"),
    "mapping": ([{"a": 1}, {"a": 2}, None], "a dict; write one number or text in each cell"),
    "bytes": ([b"a", b"b", b"\xff"], "a bytes; write one number or text in each cell"),
    "NUL": (["a\0b", "a\0c", "d"], "a NUL character is no text; take it out"),
}


@pytest.mark.parametrize("role", ["unique_id", "y", "kind"])
@pytest.mark.parametrize(("cells", "says"), ODD.values(), ids=ODD)
def test_an_odd_cell_is_refused_from_parquet_and_frame(tmp_path, role, cells, says):
    frame = pd.DataFrame({"unique_id": "x", "ds": DAYS, "y": 1.0, "kind": "k"})
    frame[role] = pd.Series(cells)
    path = str(tmp_path / "t.parquet")
    frame.to_parquet(path)
    config = DataConfig(path=path, past=({"kind": {"encoding": "one_hot"}},))
    message = refusal(read_panel, config)
    assert message.startswith(f"{path} row 0: column '{role}' holds ")
    assert message.endswith(says)
    assert refusal(read_panel, config, frame).startswith(f"data row 0: column '{role}' holds ")


def test_numbers_as_decimals_and_indexes_of_two_levels_are_read(tmp_path):
    path = str(tmp_path / "t.parquet")
    frame = pd.DataFrame({"unique_id": ["a", "a", "b"], "ds": [0, 1, 0], "y": [1.5, 2, 3]})
    frame.set_index(["unique_id", "ds"]).to_parquet(path)
    assert [*read_any(path)[0].columns] == ["y", "unique_id", "ds"]
    config = DataConfig(path=path, frequency=1)
    assert read_panel(config).ids == ("a", "b")

    frame["y"] = [decimal.Decimal(text) for text in ("1.50", "2", "3.25")]
    frame.to_parquet(path)
    assert read_any(path)[0]["y"].tolist() == [1.5, 2, 3.25]
    np.testing.assert_array_equal(read_panel(config).values[:, 0], [1.5, 2, 3.25])


def test_columns_of_lists_are_no_candidates(tmp_path):
    path = str(tmp_path / "t.parquet")
    pd.DataFrame({"tags": [["a"], ["b"], ["c"]], "ds": DAYS, "y": [1.0, 2, 3]}).to_parquet(path)
    assert [*read_any(path)[0].columns] == ["ds", "y"]
