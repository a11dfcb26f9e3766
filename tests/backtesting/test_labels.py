"""Backtests of labels: the same scores as by hand, whatever labels a fold knows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

import forecast
from tests.test_labels import BOTH, HORIZON, config, table

SHORT = {"training": {"epochs": 2}}


@pytest.mark.parametrize("refit", [False, True])
def test_the_tables_hold_what_the_summary_says(refit):
    frame = table(2)
    frame.loc[[155, 315], "state"] = "hail"  # the last fold alone has it
    found = forecast.backtest(config(BOTH, **SHORT), folds=3, refit=refit, data=frame)
    rows, scores = found.forecasts, found.scores
    assert len(rows) == 3 * 2 * 2 * HORIZON
    merged = rows.merge(frame.melt(["unique_id", "ds"], ["state", "windy"], "target"))
    assert (merged.actual == merged.value.astype(str)).all()
    shares = rows.filter(like="lstm-p-")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (rows.lstm == shares.idxmax(axis=1).str.removeprefix("lstm-p-")).all()
    for method in ("lstm", "last_label", "markov_chain"):
        overall = scores.query("group == 'overall' and method == @method").iloc[0]
        right = (rows[method] == rows.actual).mean()
        assert overall.accuracy == pytest.approx(right)
        assert found.summary["metrics"][method]["accuracy"] == pytest.approx(right)
        each = [
            f1_score(part.actual, part[method], average="macro", zero_division=0)
            for _, part in rows.groupby("target")
        ]
        assert overall.macro_F1 == pytest.approx(np.mean(each))
        for fold, part in rows.groupby("fold"):
            is_fold = (scores.group == "fold") & (scores.key == str(fold))
            of_fold = scores[is_fold & (scores.method == method)]
            assert of_fold.accuracy.item() == pytest.approx(
                accuracy_score(part.actual, part[method])
            )
    assert found.summary["verdict"].startswith("lstm is ")


def test_a_run_is_tested_as_it_is():
    frame, settings = table(), config(**SHORT)
    found = forecast.backtest(settings, folds=2, data=frame)
    rows = found.forecasts
    chances = rows[[f"lstm-p-{name}" for name in ("calm", "rain", "storm")]].to_numpy()
    expected = log_loss(rows.actual, chances, labels=["calm", "rain", "storm"])
    assert found.summary["metrics"]["lstm"]["log_loss"] == pytest.approx(expected)
    assert len(found.pictures) == 1
    assert found.pictures[0]["rows"] == ["calm", "rain", "storm"]
    assert len(found.pictures[0]["forecasts"]["test forecast"]) == 2
    assert isinstance(found.to_nixtla(), pd.DataFrame)


def test_statistical_baselines_are_refused():
    with pytest.raises(forecast.ConfigError, match="auto_ets forecasts numbers, not labels"):
        forecast.backtest(config(), baselines=["auto_ets"], data=table())
