"""Names that differ by type alone are one name in a newer table; others stay as they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.future import future_rows
from forecast.data.names import as_known
from tests.tables.helpers import write


@pytest.mark.parametrize(
    ("known", "newer"),
    [
        ("1", "1.0"),
        ("1.0", "1"),
        ("1", " 1"),
        ("1", "True"),
        ("False", "0.0"),
        ("true", "True"),
        ("100000", "1e5"),
        ("-3", "-3.00"),
        ("9007199254740993", "9007199254740993.0"),
        ("2024-01-01", "2024-01-01 00:00:00"),
        ("north", "north "),
    ],
)
def test_names_that_differ_by_type_alone_are_one(known, newer):
    assert as_known([newer, "other"], [known, "x"]) == [known, "other"]


@pytest.mark.parametrize(
    ("known", "newer"),
    [
        (["007"], "7"),
        (["1"], "1.5"),
        (["north"], "North"),
        (["1", "True"], "1.0"),  # it may be either
        (["9007199254740993"], "9007199254740992"),
        (["1.10"], "1.1x"),
    ],
)
def test_other_names_are_left_as_they_are(known, newer):
    assert as_known([newer], known) == [newer]


@given(st.lists(st.text(max_size=5), unique=True, max_size=6))
def test_known_names_stay(names):
    assert as_known(names, names) == names


def table(ids, kinds, days=("2024-01-01", "2024-01-02"), **columns):
    rows = [(shop, day, kind) for shop, kind in zip(ids, kinds, strict=True) for day in days]
    frame = pd.DataFrame(rows, columns=["unique_id", "ds", "kind"])
    return frame.assign(y=np.arange(len(frame)) + 1.0, **columns)


CONFIG = DataConfig(path="x", frequency="D", future=({"kind": {"encoding": "one_hot"}},))
LATER = ("2024-01-03", "2024-01-04")


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
@pytest.mark.parametrize(
    ("ids", "kinds"),
    [([2, 1], [0, 1]), ([2.0, 1.0], [0.0, 1.0]), ([" 2", "1 "], [False, True]), (["2", "1"], "01")],
)
def test_ids_and_categories_of_a_newer_table_are_those_of_training(tmp_path, kind, ids, kinds):
    history = read_panel(CONFIG, table(["1", "2"], ["1", "0"]))
    newer, path = table(ids, kinds), str(tmp_path / f"newer.{kind}")
    if kind == "csv":
        newer.to_csv(path, index=False)
    elif kind == "parquet":
        newer.to_parquet(path)
    config = CONFIG.model_copy(update={"path": path})
    panel = read_panel(config, newer if kind == "frame" else None, known=history)
    assert panel.ids == ("2", "1")
    assert panel.categories == {"kind": ("0", "1")}
    known, _ = future_rows(CONFIG, history, table(ids, kinds, LATER), 2, 2)
    assert known.categories == {"kind": ("0", "1")}


def test_two_ways_of_writing_one_known_name_are_one_series(tmp_path):
    history = read_panel(DataConfig(path="x", frequency="D"), table(["1"], ["a"]))
    text = "unique_id,ds,y\n1.0,2024-01-01,1\n7,2024-01-01,5\n1,2024-01-02,2\n7,2024-01-02,6\n"
    config = DataConfig(path=write(tmp_path, text), frequency="D", sort=True)
    panel = read_panel(config, known=history)
    assert panel.ids == ("1", "7")
    assert panel.values[:, 0].tolist() == [1, 2, 5, 6]
