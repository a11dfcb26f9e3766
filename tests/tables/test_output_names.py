"""No column of an output takes the place of another, whatever the table calls its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.data import DataConfig
from forecast.tables.output_names import with_own_columns

RESULTS = {"target": 1, "forecast": 2, "lo-80": 3}
NAMES = st.sampled_from(
    ["target", "forecast", "lo-80", "ds", "unique_id", "ds_", "unique_id_", "a"]
)


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True), st.integers(0, 3), st.booleans())
def test_every_column_is_there(names, before, has_ids):
    config = DataConfig(path="x", id=names[0], time=names[1], target="other")
    ids = ["ids"] * has_ids
    columns = with_own_columns(config, ids, "times", RESULTS, before)
    assert {name: columns[name] for name in RESULTS} == RESULTS
    assert [*columns.values()].count("times") == 1
    assert [*columns.values()].count("ids") == has_ids
    assert [*columns.values()].index("times") == before + has_ids


@pytest.mark.parametrize(
    ("own", "written"),
    [
        (("shop", "day"), ("shop", "day")),
        (("target", "day"), ("unique_id", "day")),
        (("shop", "forecast"), ("shop", "ds")),
        (("ds", "lo-80"), ("ds", "ds_")),
    ],
)
def test_own_names_stay_where_they_are_free(own, written):
    config = DataConfig(path="x", id=own[0], time=own[1], target="other")
    assert tuple(with_own_columns(config, ["ids"], "times", RESULTS))[:2] == written
