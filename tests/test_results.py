"""What a run leaves behind: scores against a slow loop, forecasts in a table, pictures."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from forecast import experiment, results
from forecast.config import config_from
from forecast.evaluation import plots
from forecast.preparation import prepare
from forecast.results import finish, forecast_pictures, part_forecasts, trained_models
from forecast.runs import RunFolder
from forecast.session import Session

CPU = torch.device("cpu")
ROWS, SEASON, TEST = 72, 12, 15
RANDOM = np.random.default_rng(3)
MONTHS = pd.date_range("2018-01-01", periods=ROWS, freq="MS")


def wave(level):
    noise = RANDOM.normal(0, 1, ROWS)
    return level + 10 * np.sin(np.arange(ROWS) * np.pi / 6) + np.arange(ROWS) / 5 + noise


TABLE = pd.concat(
    [
        pd.DataFrame({"ds": MONTHS, "unique_id": name, "y": wave(level), "z": wave(level) * 2})
        for name, level in (("a", 50.0), ("b", 200.0))
    ],
    ignore_index=True,
)
SINGLE = TABLE[TABLE.unique_id == "a"].drop(columns="unique_id").reset_index(drop=True)


def config(data=(), training=(), **sections):
    return config_from(
        {
            "data": {"path": "data", "target": ("y", "z"), **dict(data)},
            "transforms": ("log", {"difference": {"lag": 1}}, "standardize"),
            "window": {"lookback": 12, "horizon": 3},
            "split": {"validation": 9, "test": TEST},
            "model": {"hidden_size": 4},
            "training": {"epochs": 2, "learning_rate": 0.01, **dict(training)},
            **sections,
        }
    )


def session_of(chosen, table, folder=None):
    session = Session(prepare(chosen, table), CPU, folder)
    for _ in session.run():
        pass
    return session


@pytest.fixture(scope="module")
def finished():
    session = session_of(config(training={"ensemble": 2}), TABLE)
    return session, finish(session)


def test_every_test_forecast_is_what_the_model_says_of_the_rows_up_to_its_origin(finished):
    session, model = finished
    origins, values = [], []
    for rows, block in part_forecasts(model.models, session.prepared):
        origins += rows.tolist()
        values += list(block)
    assert len(origins) == 2 * (TEST - 3 + 1)
    for origin, value in list(zip(origins, values, strict=True))[::5]:
        series = "ab"[origin // ROWS]
        cut = TABLE[(TABLE.unique_id == series) & (TABLE.index <= origin)]
        table = model.forecast(cut)
        assert table.ds.iloc[0] == MONTHS[origin % ROWS + 1]
        expected = table.forecast.to_numpy().reshape(2, 3).T[..., None]
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def slow_scores(model):
    """MAE, RMSE, MAPE, sMAPE and MASE by loops over series, origins, targets and steps."""
    errors = {"lstm": [], "naive": [], "seasonal_naive": []}
    for series in "ab":
        table = TABLE[TABLE.unique_id == series].reset_index(drop=True)
        for origin in range(ROWS - TEST - 1, ROWS - 3):
            forecast = model.forecast(table.iloc[: origin + 1].assign(unique_id=series))
            for column in ("y", "z"):
                train = table[column].iloc[: ROWS - TEST - 9].to_numpy()
                scale = np.mean([abs(train[i] - train[i - SEASON]) for i in range(SEASON, 48)])
                ours = forecast[forecast.target == column].forecast.to_numpy()
                for step in range(3):
                    truth = table[column][origin + 1 + step]
                    methods = {
                        "lstm": ours[step],
                        "naive": table[column][origin],
                        "seasonal_naive": table[column][origin + 1 + step - SEASON],
                    }
                    for name, value in methods.items():
                        errors[name].append((step, truth, value, scale))
    return errors


def test_the_summary_scores_model_and_baselines_like_a_slow_loop(finished):
    _, model = finished
    for name, rows in slow_scores(model).items():
        step, truth, value, scale = np.array(rows).T
        error = np.abs(truth - value)
        scores = model.summary["metrics"][name]
        assert scores["MAE"] == pytest.approx(error.mean(), rel=1e-6)
        assert scores["RMSE"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)
        assert scores["MAPE"] == pytest.approx(100 * (error / np.abs(truth)).mean(), rel=1e-6)
        smape = 200 * error / (np.abs(truth) + np.abs(value))
        assert scores["sMAPE"] == pytest.approx(smape.mean(), rel=1e-6)
        assert scores["MASE"] == pytest.approx((error / scale).mean(), rel=1e-6)
        by_step = [error[step == number].mean() for number in range(3)]
        assert model.summary["mae_by_step"][name] == pytest.approx(by_step, rel=1e-6)


def test_the_verdict_says_by_how_much_and_on_how_many_windows(finished):
    metrics = finished[1].summary["metrics"]
    ours, theirs = metrics["lstm"]["MAE"], metrics["seasonal_naive"]["MAE"]
    naive = metrics["naive"]["MAE"]
    word = "better" if ours < theirs else "worse"
    still = f"; the last value as forecast does better, {naive:.4g}" if naive < ours else ""
    assert finished[1].summary["verdict"] == (
        f"lstm is {abs(100 * (1 - ours / theirs)):.1f} % {word} than seasonal naive: MAE"
        f" {ours:.4g} against {theirs:.4g} on 26 test windows{still}."
    )


def test_the_summary_splits_the_errors_by_target_and_names_the_worst_series(finished):
    summary = finished[1].summary
    for method, by_target in summary["mae_by_target"].items():
        assert np.mean(list(by_target.values())) == pytest.approx(summary["metrics"][method]["MAE"])
    worst = summary["worst_series"]
    assert list(worst.values()) == sorted(worst.values(), reverse=True)
    assert np.mean(list(worst.values())) == pytest.approx(summary["metrics"]["lstm"]["MASE"])


def test_the_summary_tells_how_the_training_went(finished):
    session, model = finished
    summary = model.summary
    assert summary["ensemble"] == 2
    assert summary["epochs"] == [2, 2]
    assert summary["stopped"] == ["2 epochs are done"] * 2
    assert summary["windows"] == {"train": 2 * 33, "validation": 2 * 7, "test": 26}
    assert summary["season"] == 12
    assert summary["learning_rate"] == 0.01
    assert summary["parameters"] == sum(p.numel() for p in model.models[0].parameters())
    lowest = [min(e.validation_loss for e in history) for history in session.histories]
    assert summary["validation_loss"] == lowest


def test_without_a_test_part_the_verdict_claims_nothing():
    model = finish(session_of(config(split={"validation": 9, "test": 0}), SINGLE))
    assert model.summary["verdict"] == (
        "There is no test part, so nothing is known of the accuracy."
    )
    assert "metrics" not in model.summary
    assert len(model.forecast()) == 6


def test_models_are_built_without_the_callers_random_state(finished):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    (one, two) = trained_models(finished[0])
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(*(next(m.parameters()) for m in (one, two)))
    for model, weights in zip((one, two), finished[0].done, strict=True):
        assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
        assert not model.training


def test_the_forecast_table_is_that_of_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    quantile = {"loss": {"quantile": {"levels": (0.1, 0.5, 0.9)}}}
    model = finish(
        session_of(config(training=quantile, transforms=("log",)), TABLE, RunFolder(tmp_path))
    )
    table = pd.read_csv(tmp_path / "forecast.csv", parse_dates=["ds"])
    assert list(table.columns) == ["unique_id", "ds", "target", "forecast", "lo-80", "hi-80"]
    pd.testing.assert_frame_equal(table, model.forecast())
    assert table.ds.min() == pd.Timestamp("2024-01-01")


def test_the_summary_is_written_last(tmp_path, monkeypatch):
    written = []
    write = RunFolder.write
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    monkeypatch.setattr(
        RunFolder,
        "write",
        lambda self, name, content: written.append(name) or write(self, name, content),
    )
    finish(session_of(config(), SINGLE, RunFolder(tmp_path)))
    assert written[-1] == "summary.json"
    assert RunFolder(tmp_path).is_finished


def test_a_skipped_series_is_in_no_forecast_but_in_the_picture(tmp_path, monkeypatch, caplog):
    drawn = []
    monkeypatch.setattr(plots, "forecasts", lambda panels, title: drawn.append((panels, title)))
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    table = pd.concat([TABLE[TABLE.unique_id == "a"].iloc[-8:], TABLE[TABLE.unique_id == "b"]])
    session = session_of(config(data={"short_series": "skip"}), table, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        finish(session)
    written = pd.read_csv(tmp_path / "forecast.csv")
    assert set(written.unique_id) == {"b"}
    ((panels, title),) = drawn
    assert title == "Forecast"
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


def test_a_picture_shows_the_last_test_window_beside_the_truth(finished):
    session, model = finished
    history, ahead = model.forecast_panel(model.tail)
    by_series = dict(zip(history.ids, ahead, strict=True))
    pictures = forecast_pictures(session.prepared, model, by_series, 3)
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
    times, values, _, _ = last["forecasts"]["next steps"]
    assert list(times) == list(pd.date_range("2024-01-01", periods=3, freq="MS"))
    np.testing.assert_array_equal(values, ahead[1, :, 0, 0])


def test_many_series_are_counted_not_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "forecasts", lambda panels, title: drawn.append((panels, title)))
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    many = pd.concat([SINGLE.assign(unique_id=f"s{number}") for number in range(9)])
    chosen = config(data={"target": "y"}, training={"epochs": 1})
    finish(session_of(chosen, many, RunFolder(tmp_path)))
    ((panels, title),) = drawn
    assert len(panels) == plots.MAX_PANELS == 6
    assert all("test forecast" in panel["forecasts"] for panel in panels)
    assert title == "Forecast (3 more not shown)"


def test_masked_rows_at_the_end_are_forecast_from_what_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    table = SINGLE.copy()
    table.loc[ROWS - 2 :, ["y", "z"]] = np.nan
    model = finish(session_of(config(data={"missing": "mask"}), table, RunFolder(tmp_path)))
    assert model.forecast().forecast.notna().all()
    assert (tmp_path / "forecast.csv").exists()
    assert np.isfinite(model.summary["metrics"]["lstm"]["MAE"])


def test_a_failing_forecast_does_not_lose_the_run(tmp_path, monkeypatch, caplog):
    from forecast.errors import DataError

    def refuse(*_):
        raise DataError("the last 13 rows hold values that are missing")

    monkeypatch.setattr(results.TrainedModel, "forecast_panel", refuse)
    monkeypatch.setattr(plots, "png", lambda figure: b"picture")
    steps = experiment.train(config(), SINGLE, RunFolder(tmp_path))
    with caplog.at_level(logging.WARNING, "forecast"):
        for _ in steps:
            pass
    assert caplog.messages == [
        "forecast.csv is left out: the last 13 rows hold values that are missing"
    ]
    assert RunFolder(tmp_path).is_finished
