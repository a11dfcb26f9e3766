"""Histories that are forecast together get the forecasts that each gets alone, to rounding."""

import pandas as pd
import pytest

from forecast.data.plain import plain_table
from forecast.forecasting.batch import forecast_batch
from tests.waves import ROWS, SINGLE, TABLE, config, finish, session_of


def plain(model, frame):
    columns = {
        name: [*column.astype(str)] if column.dtype.kind not in "if" else column.tolist()
        for name, column in frame.items()
    }
    return plain_table(columns, model.config.data, model.tail)


def assert_as_alone(model, frames, horizon=None, level=None):
    table, ends = forecast_batch(model, [plain(model, each) for each in frames], horizon, level)
    begins = [0, *ends[:-1]]
    for frame, begin, end in zip(frames, begins, ends, strict=True):
        expected = model.forecast(frame, horizon=horizon, level=level)
        found = table.iloc[begin:end].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.fixture(scope="module")
def panel_model():
    return finish(session_of(config(data={"id": "unique_id"}), TABLE))


@pytest.fixture(scope="module")
def single_model():
    partners = {"partners": ("pretrained", "theta"), "combine": "mean"}
    return finish(session_of(config(**partners), SINGLE))


def test_requests_for_the_same_series_do_not_meet(single_model):
    frames = [SINGLE.iloc[: ROWS - cut] for cut in (0, 0, 3, 20, 1)]
    assert_as_alone(single_model, frames)
    assert_as_alone(single_model, frames, horizon=2, level=[50])


def test_series_of_a_panel_keep_the_scales_of_training(panel_model):
    """The scale of a series is that of its name, whatever its rows: here they are another's."""
    one, other = (TABLE[TABLE.unique_id == name] for name in ("a", "b"))
    assert_as_alone(panel_model, [one, TABLE, other, one.assign(unique_id="b"), other.iloc[:40]])


@pytest.mark.parametrize("number", [1, 2, 5, 33, 70])
def test_forecasts_do_not_depend_on_how_many_are_forecast(single_model, number):
    frames = [SINGLE.iloc[: ROWS - cut % 30] for cut in range(number)]
    table, ends = forecast_batch(single_model, [plain(single_model, f) for f in frames], None, None)
    alone = single_model.forecast(frames[-1])
    found = table.iloc[-len(alone) :].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, alone, rtol=1e-12)
    assert ends == [len(alone) * (each + 1) for each in range(number)]


def test_what_must_be_looked_at_by_itself_is_given_back(single_model):
    short = plain(single_model, SINGLE.iloc[:5])
    gap = plain(single_model, SINGLE.drop(index=40))
    for odd in (short, gap):
        assert forecast_batch(single_model, [plain(single_model, SINGLE), odd], None, None) is None
