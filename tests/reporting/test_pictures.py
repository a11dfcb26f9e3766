"""What a finished run leaves behind for people: the table of its forecast, and its pictures."""

import logging

import numpy as np
import pandas as pd
import pytest

from forecast import experiment
from forecast.drawing import plots
from forecast.errors import DataError
from forecast.forecasting.trained import TrainedModel
from forecast.runs.folder import RunFolder
from tests.helpers import in_nanoseconds
from tests.waves import ROWS, SINGLE, TABLE, config, finish, session_of


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
    pd.testing.assert_frame_equal(in_nanoseconds(table), model.forecast())
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


def test_a_skipped_series_is_in_no_forecast_and_in_no_picture(tmp_path, caplog, drawn):
    table = pd.concat([TABLE[TABLE.unique_id == "a"].iloc[-8:], TABLE[TABLE.unique_id == "b"]])
    session = session_of(config(data={"short_series": "skip"}), table, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        finished = finish(session)
    written = pd.read_csv(tmp_path / "forecast.csv")
    assert set(written.unique_id) == {"b"}
    ((panels, title),) = drawn
    assert title == "Forecast, 95 % interval shaded (2 more not shown)"
    names = {panel["name"]: sorted(panel["forecasts"]) for panel in panels}
    (mase,) = (f"{each:.3g}" for each in finished.summary["worst_series"].values())
    both = ["next steps", "test forecast"]
    note = f"(worst of 2: MASE {mase})"
    assert names == {f"b, y {note}": both, f"b, z {note}": both}
    _, values, *_ = panels[0]["forecasts"]["next steps"][0]
    expected = written[written.target == "y"].forecast.to_numpy()
    np.testing.assert_allclose(values[1:], expected, rtol=1e-12)
    assert values[0] == table[table.unique_id == "b"].y.iloc[-1]


def test_a_forecast_that_needs_the_future_is_left_out_and_the_rest_is_there(tmp_path, caplog):
    table = SINGLE.assign(promotion=np.arange(ROWS) % 2)
    folder = RunFolder(tmp_path / ".next", replaces=tmp_path)
    folder.begin()
    session = session_of(config(data={"future": ["promotion"]}), table, folder)
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


def test_many_series_are_counted_and_three_are_drawn(tmp_path, drawn):
    many = pd.concat([SINGLE.assign(unique_id=f"s{n}", y=SINGLE.y**n) for n in range(1, 6)])
    chosen = config(data={"target": "y"}, training={"epochs": 1})
    model = finish(session_of(chosen, many, RunFolder(tmp_path)))
    ((panels, title),) = drawn
    worst, best = (next(iter(model.summary[f"{rank}_series"])) for rank in ("worst", "best"))
    names = [panel["name"] for panel in panels]
    assert len(names) == 3
    assert names[0].startswith(f"{worst}, y (worst of 5: MASE ")
    assert " (median of 5: MASE " in names[1]
    assert names[2].startswith(f"{best}, y (best of 5: MASE ")
    assert all("test forecast" in panel["forecasts"] for panel in panels)
    assert title == "Forecast, 95 % interval shaded (2 more not shown)"


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
