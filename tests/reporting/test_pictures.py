"""What a finished run leaves behind for people: the table of its forecast, and its pictures."""

import logging

import numpy as np
import pandas as pd
import pytest

from forecast import experiment
from forecast.drawing import plots
from forecast.errors import DataError
from forecast.evaluate import last_test_forecasts
from forecast.forecasting.trained import TrainedModel
from forecast.reporting.pictures import MOST_PICTURES, forecast_pictures
from forecast.runs.folder import RunFolder
from tests.waves import MONTHS, ROWS, SINGLE, TABLE, config, finish, session_of


@pytest.fixture
def drawn(monkeypatch, no_pictures):
    """Panels and title of each picture of a forecast."""
    found = []
    monkeypatch.setattr(plots, "forecasts", lambda panels, title: found.append((panels, title)))
    return found


def test_the_forecast_table_is_that_of_the_model(tmp_path, no_pictures):
    quantile = {"loss": {"quantile": {"levels": (0.1, 0.5, 0.9)}}}
    model = finish(
        session_of(config(training=quantile, transforms=("log",)), TABLE, RunFolder(tmp_path))
    )
    table = pd.read_csv(tmp_path / "forecast.csv", parse_dates=["ds"])
    assert list(table.columns) == ["unique_id", "ds", "target", "forecast", "lo-80", "hi-80"]
    pd.testing.assert_frame_equal(table, model.forecast())
    assert table.ds.min() == pd.Timestamp("2024-01-01")


def test_the_summary_is_written_last(tmp_path, monkeypatch, no_pictures):
    written = []
    write = RunFolder.write
    monkeypatch.setattr(
        RunFolder,
        "write",
        lambda self, name, content: written.append(name) or write(self, name, content),
    )
    finish(session_of(config(), SINGLE, RunFolder(tmp_path)))
    assert written[-1] == "summary.json"
    assert RunFolder(tmp_path).is_finished


def test_a_skipped_series_is_in_no_forecast_but_in_the_picture(tmp_path, caplog, drawn):
    table = pd.concat([TABLE[TABLE.unique_id == "a"].iloc[-8:], TABLE[TABLE.unique_id == "b"]])
    session = session_of(config(data={"short_series": "skip"}), table, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        finish(session)
    written = pd.read_csv(tmp_path / "forecast.csv")
    assert set(written.unique_id) == {"b"}
    ((panels, title),) = drawn
    assert title == "Forecast, 95 % interval shaded"
    names = {panel["name"]: sorted(panel["forecasts"]) for panel in panels}
    assert names == {
        "a, y": [],
        "a, z": [],
        "b, y": ["next steps", "test forecast"],
        "b, z": ["next steps", "test forecast"],
    }
    b_y = panels[2]["forecasts"]["next steps"][1]
    expected = written[written.target == "y"].forecast.to_numpy()
    np.testing.assert_allclose(b_y, expected, rtol=1e-12)


def test_a_forecast_that_needs_the_future_is_left_out_and_the_rest_is_there(tmp_path, caplog):
    table = SINGLE.assign(promotion=np.arange(ROWS) % 2)
    session = session_of(config(data={"future": ["promotion"]}), table, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        finish(session)
    assert caplog.messages == [
        "forecast.csv is left out: the model needs the future values of promotion; give them with"
        f" forecast predict {tmp_path} --future FILE"
    ]
    names = {path.name for path in tmp_path.iterdir()}
    assert "forecast.csv" not in names
    assert {"forecast.png", "summary.json", "model.safetensors"} <= names


def test_pictures_are_pictures(tmp_path):
    finish(session_of(config(), SINGLE, RunFolder(tmp_path)))
    for name in ("forecast.png", "learning_curve.png"):
        data = (tmp_path / name).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(data) > 10_000


def test_a_picture_shows_the_last_test_window_beside_the_truth():
    session = session_of(config(training={"ensemble": 2}), TABLE)
    model = finish(session)
    history, ahead = model.forecast_panel(model.tail)
    by_series = dict(zip(history.ids, ahead, strict=True))
    prepared = session.prepared
    tested = last_test_forecasts(model.models, prepared, 3)
    pictures = forecast_pictures(prepared.panel, model, tested, by_series, 3)
    assert [picture["name"] for picture in pictures] == ["a, y", "a, z", "b, y"]
    last = pictures[2]
    truth = TABLE[TABLE.unique_id == "b"].y.to_numpy()[-12 - 9 :]
    np.testing.assert_array_equal(last["actual"], truth)
    assert list(last["times"]) == list(MONTHS[-21:])
    times, values, lower, upper = last["forecasts"]["test forecast"]
    assert list(times) == list(MONTHS[-3:])
    assert lower is upper is None
    before = model.forecast(TABLE[(TABLE.unique_id == "b") & (TABLE.ds < MONTHS[-3])])
    np.testing.assert_allclose(values, before[before.target == "y"].forecast, rtol=1e-6)
    times, *values = last["forecasts"]["next steps"]
    assert list(times) == list(pd.date_range("2024-01-01", periods=3, freq="MS"))
    next_steps = model.forecast(level=[95])[-6:-3]
    for found, column in zip(values, ("forecast", "lo-95", "hi-95"), strict=True):
        np.testing.assert_array_equal(found, next_steps[column])


def test_many_series_are_counted_not_drawn(tmp_path, drawn):
    many = pd.concat([SINGLE.assign(unique_id=f"s{number}") for number in range(9)])
    chosen = config(data={"target": "y"}, training={"epochs": 1})
    finish(session_of(chosen, many, RunFolder(tmp_path)))
    ((panels, title),) = drawn
    assert len(panels) == MOST_PICTURES == 6
    assert all("test forecast" in panel["forecasts"] for panel in panels)
    assert title == "Forecast, 95 % interval shaded (3 more not shown)"


def test_masked_rows_at_the_end_are_forecast_from_what_is_known(tmp_path, no_pictures):
    table = SINGLE.copy()
    table.loc[ROWS - 2 :, ["y", "z"]] = np.nan
    model = finish(session_of(config(data={"missing": "mask"}), table, RunFolder(tmp_path)))
    assert model.forecast().forecast.notna().all()
    assert (tmp_path / "forecast.csv").exists()
    assert np.isfinite(model.summary["metrics"]["lstm"]["MAE"])


def test_a_failing_forecast_does_not_lose_the_run(tmp_path, monkeypatch, caplog, no_pictures):
    def refuse(*_):
        raise DataError("the last 13 rows hold values that are missing")

    monkeypatch.setattr(TrainedModel, "forecast_panel", refuse)
    steps = experiment.train(config(), SINGLE, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        for _ in steps:
            pass
    assert caplog.messages == [
        "forecast.csv is left out: the last 13 rows hold values that are missing"
    ]
    assert RunFolder(tmp_path).is_finished
