"""Rows of one series with one time become one, against pandas' own grouping."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from tests.helpers import refusal
from tests.proposed import propose, read_unconfigured

CELLS = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float))
ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4), CELLS, CELLS, st.sampled_from("uv")),
    max_size=12,
)


def config(how, **options):
    return DataConfig(
        path="x",
        frequency=1,
        duplicates=how,
        sort=True,
        missing="mask",
        past=("price", {"kind": {"encoding": "one_hot"}}),
        **options,
    )


@given(ROWS, st.sampled_from(["first", "last", "mean", "sum"]))
def test_each_way_is_that_of_pandas(rows, how):
    columns = ["unique_id", "ds", "y", "price", "kind"]
    ends = [(name, time, 1.0, 1.0, "u") for name in "ab" for time in (5, 6)]  # no row is ahead
    frame = pd.DataFrame([*rows, *ends], columns=columns)
    panel = read_panel(config(how), frame)
    keys = ["unique_id", "ds"]
    if how in ("first", "last"):
        expected = frame.drop_duplicates(keys, keep=how).set_index(keys).sort_index()
    else:
        groups = frame.groupby(keys)
        expected = groups[["price"]].mean()
        expected["y"] = groups["y"].sum(min_count=1) if how == "sum" else groups["y"].mean()
        expected["kind"] = groups["kind"].agg(lambda cells: cells.iloc[0])
    for number, name in enumerate(panel.ids):
        values = panel.values[panel.offsets[number] : panel.offsets[number + 1]]
        wanted = expected.loc[name].reindex(range(panel.starts[number] + panel.axis.origin, 7))
        numbers = wanted[["y", "price"]].to_numpy(dtype=float)
        np.testing.assert_allclose(values[:, :2], numbers, rtol=1e-12)
        kinds = [np.nan if k != k else panel.categories["kind"].index(k) for k in wanted["kind"]]
        np.testing.assert_array_equal(values[:, 2], kinds)


TWICE = pd.DataFrame({"ds": [0, 1, 1, 2, 3, 4], "y": [1.0, 2, 4, 3, 5, 4]})


def test_an_error_names_the_option():
    says = "keep one row a time, set data.duplicates: mean (or sum, first, last)"
    assert says in refusal(read_panel, DataConfig(path="x"), TWICE)
    assert "data.duplicates" in refusal(read_unconfigured, TWICE)


def test_a_proposal_merges_as_is_asked_or_what_is_equal_throughout():
    assert read_unconfigured(TWICE, duplicates="sum").panel.values[:, 0].tolist() == [1, 6, 3, 5, 4]
    days = pd.date_range("2024-01-01", periods=40)
    table = pd.DataFrame({"ds": days, "y": np.sin(np.arange(40))})
    assert "duplicates: mean\n" in propose(table, duplicates="mean")
    text = propose(pd.concat([table, table.iloc[5:8]]))
    assert "  duplicates: first  # of rows with one time the first counts\n" in text
    assert "duplicates" not in propose(table)


@pytest.mark.parametrize("how", ["first", "last", "mean", "sum"])
def test_other_tables_stay_as_they_are(how):
    frame = TWICE.drop(index=2)
    panel, plain = (
        read_panel(DataConfig(path="x", duplicates=how), frame),
        read_panel(DataConfig(path="x"), frame),
    )
    assert panel.values.tolist() == plain.values.tolist()
