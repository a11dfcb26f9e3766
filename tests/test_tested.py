"""Test windows for pictures: the right series, the right rows, forecasts made before them."""

import numpy as np
import pandas as pd
import pytest

from forecast.drawing.panels import panels_of
from forecast.evaluate import part_forecasts
from forecast.tested import _apart, shown_series
from tests.waves import MONTHS, SINGLE, TABLE, config, finish, session_of


def lines_of(session, model, ahead=None):
    shown = shown_series(model, session.prepared)
    return panels_of(shown, ahead or {})


def test_each_window_is_forecast_from_the_rows_before_it():
    session = session_of(config(training={"ensemble": 2}), TABLE)
    model = finish(session)
    panels = {each["name"].split(" (")[0]: each for each in lines_of(session, model)}
    assert set(panels) == {"a, y", "a, z", "b, y", "b, z"}
    truth = TABLE[TABLE.unique_id == "b"]
    shown = panels["b, y"]
    np.testing.assert_array_equal(shown["actual"], truth.y.to_numpy()[-len(shown["actual"]) :])
    assert list(shown["times"]) == list(MONTHS[-len(shown["actual"]) :])
    windows = shown["forecasts"]["test forecast"]
    for number, (times, values, lower, upper) in enumerate(reversed(windows)):
        end = len(MONTHS) - 3 * number
        assert list(times) == list(MONTHS[end - 3 : end])
        before = model.forecast(truth[truth.ds < MONTHS[end - 3]])
        np.testing.assert_allclose(values, before[before.target == "y"].forecast, rtol=1e-6)
        # As wide as the seasonal changes up to the origin: ratios, as the chain begins with a log.
        known = np.log(truth.y.to_numpy()[: end - 3])
        change = np.abs(known[12:] - known[:-12]).mean()
        radius = model.calibration.at([95.0])[0, :, 0]
        np.testing.assert_allclose(np.log(upper / values), radius * change, rtol=1e-6)
        np.testing.assert_allclose(np.log(values / lower), radius * change, rtol=1e-6)


def test_the_next_steps_begin_at_the_last_value():
    session = session_of(config(), SINGLE)
    model = finish(session)
    history, values = model.forecast_panel(model.tail)
    (panel, _) = lines_of(session, model, dict(zip(history.ids, values, strict=True)))
    ((times, middle, lower, upper),) = panel["forecasts"]["next steps"]
    assert list(times) == [MONTHS[-1], *pd.date_range("2024-01-01", periods=3, freq="MS")]
    assert middle[0] == lower[0] == upper[0] == SINGLE.y.iloc[-1]
    np.testing.assert_array_equal(middle[1:], model.forecast().forecast[:3])


def test_without_a_last_value_nothing_is_joined():
    table = SINGLE.copy()
    table.loc[len(table) - 1, "y"] = np.nan
    session = session_of(config(data={"missing": "mask"}), table)
    model = finish(session)
    history, values = model.forecast_panel(model.tail)
    panels = lines_of(session, model, dict(zip(history.ids, values, strict=True)))
    ahead = list(pd.date_range("2024-01-01", periods=3, freq="MS"))
    y, z = ([*panel["forecasts"]["next steps"][0][0]] for panel in panels)
    assert (y, z) == (ahead, [MONTHS[-1], *ahead])


def test_quantiles_of_a_model_are_its_own():
    quantile = {"loss": {"quantile": {"levels": (0.1, 0.5, 0.9)}}}
    session = session_of(config(training=quantile, transforms=("log",)), SINGLE)
    model = finish(session)
    (_, values, lower, upper) = lines_of(session, model)[0]["forecasts"]["test forecast"][-1]
    rows, expected = max(
        part_forecasts(model.models, session.prepared), key=lambda each: each[0][-1]
    )
    last = expected[rows == rows.max()][0][:, 0]
    np.testing.assert_allclose(np.stack([lower, values, upper], axis=-1), last, rtol=1e-6)


@pytest.mark.parametrize(
    ("origins", "horizon", "kept"),
    [
        ([], 3, []),
        ([5], 3, [5]),
        ([*range(20)], 3, [19, 16, 13]),
        ([1, 2, 9, 10], 3, [10, 2]),
        ([*range(5)], 1, [4, 3, 2]),
    ],
)
def test_windows_do_not_overlap(origins, horizon, kept):
    assert _apart(np.array(origins, dtype=np.int64), horizon).tolist() == kept
