"""Rows that no training has prepared a model for are told, and growth is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.forecasting.batch import forecast_batch
from forecast.forecasting.far import FAR, far_values
from tests.data.helpers import read_frame
from tests.forecasting.cases import built, warnings_of
from tests.forecasting.test_batch import plain
from tests.waves import TABLE, config, finish, session_of

WHY = "far from the last rows of training, so the forecast means little"


@pytest.fixture(scope="module")
def panel_model():
    return finish(session_of(config(data={"id": "unique_id"}), TABLE))


def with_last(table, name, value):
    last = table.index[table.unique_id == name][-1]
    return table.assign(y=table.y.where(table.index != last, value))


def test_rows_far_from_training_are_named_in_one_line(panel_model, caplog):
    assert warnings_of(caplog, panel_model, TABLE) == []
    (line,) = warnings_of(caplog, panel_model, with_last(TABLE, "b", 1e30))
    assert line.startswith(f"{WHY}: 1e+30 is ")
    assert line.endswith(" times the largest y of b; check the unit")
    (line,) = warnings_of(caplog, panel_model, TABLE.assign(y=1000 * TABLE.y))
    assert line.count(" times the largest y of ") == TABLE.unique_id.nunique()


def test_past_and_future_columns_are_looked_at_as_well(caplog):
    case, trained = built("panel")
    (number,) = (name for name in case.future if case.future[name].dtype.kind == "f")
    assert warnings_of(caplog, trained, case.frame, case.future) == []
    far = case.future.assign(**{number: -1e9})
    (line,) = warnings_of(caplog, trained, case.frame, far)
    assert f"times the largest {number}" in line


@pytest.mark.parametrize(
    "grown", [lambda n: n, lambda n: n**2, lambda n: 1.04**n, lambda n: 1e6 + n, lambda n: -3.0 * n]
)
@pytest.mark.parametrize("later", [0, 30, 100])
def test_growth_is_not_far(grown, later):
    """A panel that trends, and as many rows again as were kept."""
    days = pd.date_range("2024-01-01", periods=200)
    table = pd.DataFrame({"ds": days, "y": grown(np.arange(200.0))})
    tail = read_frame(table[60:100], id=None)
    newer = read_frame(table[60 + later : 100 + later], id=None)
    assert far_values(newer, np.empty((1, 0, 1)), tail) == []


def test_a_series_of_zeros_has_the_scale_of_the_others():
    days = pd.date_range("2024-01-01", periods=5)
    table = pd.concat(
        [pd.DataFrame({"unique_id": name, "ds": days, "y": y}) for name, y in (("a", 0), ("b", 2))]
    )
    tail, nothing = read_frame(table), np.empty((2, 0, 1))
    assert far_values(replace(tail, values=tail.values + FAR), nothing, tail) == []
    assert far_values(replace(tail, values=tail.values + 2 * FAR + 1), nothing, tail) == [
        f"{2 * FAR + 1:.3g} is 100 times the largest y of a",
        f"{2 * FAR + 3:.3g} is 102 times the largest y of b",
    ]
    new = replace(tail, ids=("c", "d"), values=tail.values + 1e9)  # has its own scale
    assert far_values(new, nothing, tail) == []
    none = replace(tail, values=0 * tail.values)
    assert far_values(tail, nothing, none) == []


def test_a_request_of_a_batch_is_looked_at_alone(panel_model):
    far = with_last(TABLE, "b", 1e30)
    assert forecast_batch(panel_model, [plain(panel_model, TABLE)], None, None) is not None
    both = [plain(panel_model, TABLE), plain(panel_model, far)]
    assert forecast_batch(panel_model, both, None, None) is None
