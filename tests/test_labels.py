"""Runs that forecast labels, from a table to a forecast."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

import forecast
from forecast.config.tree import config_from
from forecast.data.panel import Panel
from forecast.evaluate import part_forecasts
from forecast.forecasting.model_file import load
from forecast.prepare import prepare

ROWS, HORIZON = 160, 3
STATES = np.array(["calm", "rain", "storm"])


@pytest.fixture(autouse=True)
def _no_pictures(no_pictures):
    """Pictures of labels have tests of their own."""


def table(series=1, rows=ROWS, seed=0):
    """A pattern of five rows, now and then broken; a second label, and a number that helps."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(series):
        states = np.array([0, 0, 1, 2, 1])[np.arange(rows) % 5]
        broken = rng.random(rows) < 0.1
        states[broken] = rng.integers(0, 3, broken.sum())
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f"s{number}",
                    "ds": pd.date_range("2024-01-01", periods=rows),
                    "state": STATES[states],
                    "windy": states > 0,
                    "x": states + rng.normal(0, 0.3, rows),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def config(target=None, **sections):
    settings = {
        "data": {"path": "data", "target": target or {"state": {"encoding": "label"}}},
        "split": {"validation": 20, "test": 30},
        "window": {"lookback": 10, "horizon": HORIZON},
        "model": {"hidden_size": 8},
        "training": {"epochs": 8, "learning_rate": 0.02},
    }
    for name, section in sections.items():
        settings[name] = {**settings.get(name, {}), **section}
    return config_from(settings)


BOTH = [{"state": {"encoding": "label"}}, {"windy": {"encoding": "label"}}]
KINDS = {
    "one": (1, None, {}),
    "two in a panel": (3, BOTH, {}),
    "parallel": (1, None, {"model": {"head": "parallel", "segment": 5}}),
    "recursive": (1, None, {"model": {"head": "recursive"}}),
    "independent": (1, BOTH, {"model": {"channels": "independent", "head": "recursive"}}),
    "covariates": (
        2,
        None,
        {"data": {"past": ["x", {"windy": {"encoding": "one_hot"}}], "calendar": ["dayofweek"]}},
    ),
    "smoothed and balanced": (
        1,
        None,
        {
            "training": {
                "loss": {"cross_entropy": {"label_smoothing": 0.1, "class_weights": "balanced"}}
            }
        },
    ),
    "ensemble": (1, None, {"training": {"ensemble": 2, "averaging": "ema"}}),
}


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_run_of_labels_forecasts_and_reads_back_equal(kind, tmp_path):
    series, target, sections = KINDS[kind]
    frame, settings = table(series), config(target, **sections)
    if kind not in ("one", "ensemble"):
        settings = config(
            target, **{**sections, "training": {**sections.get("training", {}), "epochs": 2}}
        )
    trained = forecast.train(settings, frame)
    ahead = trained.forecast()
    targets = [*settings.data.targets]
    assert len(ahead) == series * len(targets) * HORIZON
    shares = ahead.filter(like="p-")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (ahead.forecast == shares.idxmax(axis=1).str.removeprefix("p-")).all()
    for name in targets:
        assert set(ahead.forecast[ahead.target == name]) <= {*map(str, frame[name])}
    trained.save(tmp_path / "model.safetensors")
    again = load(tmp_path)
    pd.testing.assert_frame_equal(again.forecast(), ahead)
    longer = again.forecast(horizon=2 * HORIZON + 1)
    steps = longer.groupby(["target", "unique_id"]).head(HORIZON)
    pd.testing.assert_frame_equal(steps.reset_index(drop=True), ahead)


def test_the_scores_are_those_of_the_forecasts_and_an_easy_pattern_is_learned():
    frame, settings = table(), config(training={"epochs": 25})
    trained = forecast.train(settings, frame)
    prepared = prepare(settings, frame)
    batches = [*part_forecasts(trained.models, prepared)]
    origins = np.concatenate([rows for rows, _ in batches])
    shares = np.concatenate([values for _, values in batches])[:, :, 0]
    came = frame.state.to_numpy()[origins[:, None] + 1 + np.arange(HORIZON)]
    scores = trained.summary["metrics"]["lstm"]
    guessed = STATES[shares.argmax(axis=-1)]
    assert scores["accuracy"] == pytest.approx(accuracy_score(came.ravel(), guessed.ravel()))
    expected = log_loss(came.ravel(), shares.reshape(-1, 3), labels=STATES)
    assert scores["log_loss"] == pytest.approx(expected)
    assert scores["accuracy"] > trained.summary["metrics"]["markov_chain"]["accuracy"]
    assert {*trained.summary["metrics"]} == {
        *("lstm", "last_label", "most_frequent", "markov_chain", "seasonal_label")
    }
    assert trained.summary["classes"] == {"state": [*STATES]}


def test_an_ensemble_is_the_mean_of_the_probabilities():
    frame, settings = table(), config(training={"ensemble": 2, "epochs": 2})
    trained = forecast.train(settings, frame)
    one, two = (
        dataclasses.replace(trained, models=(model,)).forecast().filter(like="p-")
        for model in trained.models
    )
    mean = trained.forecast().filter(like="p-")
    np.testing.assert_allclose(mean, (one + two) / 2, atol=1e-7)


def test_labels_never_seen_in_training_have_a_line_and_a_row_of_their_own(caplog):
    frame = table()
    frame.loc[[140, 150], "state"] = "hail"
    trained = forecast.train(config(training={"epochs": 2}), frame)
    assert "labels that no training row holds are never forecast: hail" in caplog.text
    confusion = np.array(trained.summary["confusion"]["state"])
    assert confusion.shape == (4, 3)
    assert confusion[3].sum() == 2 * HORIZON  # each stands in so many windows
    caplog.clear()
    ahead = trained.forecast(frame.assign(state=frame.state.replace("calm", "fog")))
    assert "not seen in training, so treated as unknown: state 'fog', state 'hail'" in caplog.text
    np.testing.assert_allclose(ahead.filter(like="p-").sum(axis=1), 1)
    assert "p-hail" not in ahead


def test_masked_labels_leave_the_loss_and_filled_ones_are_read():
    frame = table()
    holes = np.random.default_rng(1).random(ROWS) < 0.2
    holes[0] = False
    frame.loc[holes, "state"] = None
    prepared = prepare(config(data={"missing": "mask"}), frame)
    windows = prepared.windows["train"]
    assert np.isnan(windows.targets.numpy()).any()
    assert not np.isnan(windows.inputs.numpy()).any()
    trained = forecast.train(config(data={"missing": "mask"}, training={"epochs": 2}), frame)
    assert 0 <= trained.summary["metrics"]["lstm"]["accuracy"] <= 1
    with pytest.raises(forecast.DataError, match="column 'state' is empty"):
        prepare(config(), frame)
    filled = prepare(config(data={"missing": "forward_fill"}), frame)
    names = np.array(filled.panel.categories["state"])[filled.filled[:, 0].astype(int)]
    assert (names == frame.state.ffill()).all()


def test_nothing_after_the_training_rows_changes_what_is_learned():
    frame, other = table(), table()
    other.loc[110:, "state"] = other.state[110:].to_numpy()[::-1]
    losses = [
        forecast.train(config(training={"epochs": 2, "early_stopping": None}), each)
        for each in (frame, other)
    ]
    ours, theirs = (trained.models[0].state_dict() for trained in losses)
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_a_panel_knows_what_it_holds():
    prepared = prepare(config(BOTH), table(2))
    assert isinstance(prepared.panel, Panel)
    assert prepared.pipeline.labels.classes == (tuple(STATES), ("False", "True"))
