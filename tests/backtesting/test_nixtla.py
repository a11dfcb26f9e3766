"""Cross-validation frames: utilsforecast evaluates them as they are, and finds the same errors."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast.evaluation import evaluate
from utilsforecast.losses import coverage, mae

import forecast
from tests.helpers import wave_table

SECTIONS = {
    "window": {"lookback": 7, "horizon": 3},
    "split": {"validation": 12, "test": 8},
    "model": {"hidden_size": 4},
    "training": {"epochs": 2, "learning_rate": 0.01},
    "intervals": {"levels": [50, 80]},
}
WAVE = wave_table(60, "2021-03-01", "D", period=7, level=30, noise=0.5, seed=4)
PANEL = pd.concat([WAVE.assign(store=number, y=WAVE.y + number) for number in (2, 1)])


@pytest.fixture(scope="module")
def tested():
    sections = {**SECTIONS, "data": {"id": "store"}}
    return forecast.backtest(sections, folds=2, data=PANEL)


def test_errors_and_coverage_are_those_of_the_backtest(tested):
    frame = tested.to_nixtla()
    assert list(frame.columns[:5]) == ["unique_id", "ds", "cutoff", "y", "lstm"]
    ends = ["lstm-lo-80", "lstm-lo-50", "lstm-hi-50", "lstm-hi-80"]
    assert list(frame.columns[-4:]) == ends
    assert frame.unique_id.unique().tolist() == [1, 2]
    methods = list(frame.columns[4:-4])
    errors = evaluate(frame, metrics=[mae], models=methods)[methods].mean()
    scores = tested.scores[tested.scores.group == "overall"].set_index("method").MAE
    pd.testing.assert_series_equal(errors, scores[methods], check_names=False)
    held = evaluate(frame, metrics=[coverage], models=["lstm"], level=[50, 80])
    wide, narrow = (frame[f"lstm-hi-{n}"] - frame[f"lstm-lo-{n}"] for n in (80, 50))
    assert (wide > narrow).all()
    assert held.lstm.between(0, 1).all()
    assert ((frame["lstm-lo-50"] < frame.lstm) & (frame.lstm < frame["lstm-hi-50"])).all()


def test_a_cutoff_is_the_last_known_time(tested):
    frame = tested.to_nixtla()
    steps = (frame.ds - frame.cutoff).dt.days
    assert steps.tolist() == [1, 2, 3] * 4
    truth = PANEL.rename(columns={"store": "unique_id"})
    merged = frame.merge(truth, on=["unique_id", "ds"])
    np.testing.assert_array_equal(merged.y_x, merged.y_y)


def test_intervals_know_nothing_of_the_folds():
    """Other values after the first origin change no interval at that origin."""
    sections = {**SECTIONS, "training": {**SECTIONS["training"], "epochs": 1}}
    spoilt = WAVE.copy()
    spoilt.loc[len(WAVE) - 6 :, "y"] += 100
    width = [
        (each["lstm-hi-80"] - each["lstm-lo-80"]).to_numpy()[:3]
        for table in (WAVE, spoilt)
        for each in [forecast.backtest(sections, folds=2, data=table).to_nixtla()]
    ]
    np.testing.assert_array_equal(*width)


def test_targets_are_series_of_their_own_and_unknown_values_are_left_out():
    table = WAVE.assign(z=2 * WAVE.y)
    table.loc[len(table) - 1, "z"] = np.nan
    data = {"target": ["y", "z"], "missing": "mask"}
    frame = forecast.backtest({**SECTIONS, "data": data}, folds=1, data=table).to_nixtla()
    assert frame.groupby("unique_id").size().to_dict() == {"y": 3, "z": 2}
    pair = pd.concat([table.assign(unique_id=number) for number in (1, 2)])
    frame = forecast.backtest({**SECTIONS, "data": data}, folds=1, data=pair).to_nixtla()
    assert frame.unique_id.unique().tolist() == ["1/y", "1/z", "2/y", "2/z"]
