"""Backtests: origins, what each fold may see, finished runs, and what is written and refused."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from statsforecast.models import AutoTheta

from forecast import experiment
from forecast.backtesting.files import BACKTEST_FILES, open_source, write_backtest
from forecast.backtesting.run import backtest
from forecast.errors import ConfigError, DataError
from forecast.runs import drain
from forecast.runs.folder import RunFolder, new_run
from tests.helpers import small_config, wave_table

ROWS, HORIZON, STEP, FOLDS = 70, 3, 4, 3
TABLE = wave_table(ROWS, "2024-01-01", "D", period=7, level=30, seed=8)
ORIGINS = [58, 62, 66]
"""Rows with 3, 7 and 11 rows after them, the earliest first."""


pytestmark = pytest.mark.usefixtures("no_pictures")


def config(overrides=(), **sections):
    week = {"window": {"lookback": 7}, "split": {"validation": 8, "test": 20}}
    return small_config(overrides, **{**week, **sections})


def ended(steps):
    """What a generator returns, and the number of records before it."""
    records = []
    return drain.result_of(steps, records.append), len(records)


def result_of(chosen=None, table=TABLE, folds=FOLDS, step=STEP, **options):
    chosen = chosen or config()
    return ended(backtest(chosen, data=table, folds=folds, step=step, **options))[0]


def by_fold(result, column="lstm"):
    return [group[column].to_numpy() for _, group in result.forecasts.groupby("fold")]


@pytest.fixture(scope="module")
def once():
    return result_of()


@pytest.fixture(scope="module")
def refitted():
    return result_of(refit=True)


def test_folds_lie_where_they_should(once):
    frame = once.forecasts
    assert frame.fold.tolist() == [1] * 3 + [2] * 3 + [3] * 3
    rows = np.array([[origin + 1 + step for step in range(HORIZON)] for origin in ORIGINS]).ravel()
    assert frame.origin.tolist() == np.repeat(TABLE.ds[ORIGINS], HORIZON).tolist()
    assert frame.ds.tolist() == TABLE.ds[rows].tolist()
    np.testing.assert_array_equal(frame.actual, TABLE.y[rows])
    np.testing.assert_array_equal(frame.naive, np.repeat(TABLE.y[ORIGINS], HORIZON))
    np.testing.assert_array_equal(frame.seasonal_naive, TABLE.y[rows - 7])
    assert once.summary["origins"] == ["2024-02-28", "2024-03-03", "2024-03-07"]
    assert (once.summary["step"], once.summary["refit"]) == (STEP, False)


def test_a_step_is_a_horizon_unless_it_is_given():
    result, epochs = ended(backtest(config(), data=TABLE, folds=2))
    assert result.summary["origins"] == ["2024-03-04", "2024-03-07"]
    assert epochs == 2, "one training of two epochs"


def test_one_model_forecasts_all_folds_as_it_would_have_on_that_day(once):
    rows = (FOLDS - 1) * STEP + HORIZON
    model, _ = ended(experiment.train(config([f"split.test={rows}"]), TABLE))
    for origin, found in zip(ORIGINS, by_fold(once), strict=True):
        expected = model.forecast(TABLE[: origin + 1]).forecast
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_refitted_fold_is_a_training_on_a_table_that_ends_with_its_origin(refitted):
    for origin, found in zip(ORIGINS, by_fold(refitted), strict=True):
        model, _ = ended(experiment.train(config(["split.test=0"]), TABLE[: origin + 1]))
        np.testing.assert_allclose(found, model.forecast().forecast, rtol=1e-6)


def test_the_first_fold_is_the_same_with_and_without_refit(once, refitted):
    np.testing.assert_array_equal(by_fold(once)[0], by_fold(refitted)[0])
    assert not np.allclose(by_fold(once)[2], by_fold(refitted)[2])


@pytest.mark.parametrize("refit", [False, True])
def test_what_comes_after_an_origin_changes_nothing_before(once, refitted, refit):
    before = refitted if refit else once
    changed = TABLE.assign(y=TABLE.y.where(TABLE.index <= ORIGINS[1], 500 - 3 * TABLE.y))
    after = result_of(table=changed, refit=refit)
    for fold in (0, 1):
        np.testing.assert_array_equal(by_fold(before)[fold], by_fold(after)[fold])
        for method in before.forecasts.columns[6:]:  # sums of the whole series round otherwise
            pair = by_fold(before, method)[fold], by_fold(after, method)[fold]
            np.testing.assert_allclose(*pair, rtol=1e-9, err_msg=method)
    assert (by_fold(before)[2] != by_fold(after)[2]).all(), "its lookback holds changed rows"


def test_steps_of_one_row_score_as_the_test_part_of_a_run_does():
    model, _ = ended(experiment.train(config(), TABLE))
    result, epochs = ended(backtest(model.config, model, TABLE, folds=18, step=1))
    assert epochs == 0, "a finished model is not trained"
    overall = result.scores[result.scores.group == "overall"].set_index("method")
    for name in ("lstm", "naive", "seasonal_naive", "drift", "linear_model"):
        for metric in ("MAE", "RMSE", "sMAPE", "MASE"):
            expected = model.summary["metrics"][name][metric]
            assert overall.loc[name, metric] == pytest.approx(expected)


def test_a_run_is_tested_in_its_test_part_only():
    model, _ = ended(experiment.train(config(), TABLE))
    with pytest.raises(ConfigError) as error:
        ended(backtest(model.config, model, TABLE, folds=19, step=1))
    assert str(error.value) == (
        "folds 19, step 1: they need 21 test rows, the run has 20; 18 folds fit; give fewer folds,"
        " or a smaller step, or refit"
    )
    longer = pd.concat([TABLE, TABLE.assign(ds=TABLE.ds + pd.Timedelta(days=ROWS))])
    for other in (longer, TABLE.assign(y=TABLE.y + (TABLE.index == 5)), TABLE[1:]):
        with pytest.raises(DataError, match="data: not the rows that the run was trained and"):
            ended(backtest(model.config, model, other, folds=2))


def test_drift_is_perfect_on_a_line_and_the_verdict_says_who_won():
    line = TABLE.assign(y=10 + 0.5 * np.arange(ROWS))
    result = result_of(table=line)
    scores = result.summary["metrics"]
    assert scores["drift"]["MAE"] == pytest.approx(0, abs=1e-9)
    assert scores["naive"]["MAE"] == pytest.approx(0.5 * 2)
    assert scores["seasonal_naive"]["MAE"] == pytest.approx(0.5 * 7)
    assert "drift" in result.summary["verdict"]
    assert scores["lstm"]["MAE"] > 0


def test_statistical_baselines_are_fitted_at_every_origin():
    result = result_of(baselines=["auto_theta"])
    for origin, found in zip(ORIGINS, by_fold(result, "auto_theta"), strict=True):
        history = TABLE.y.to_numpy()[: origin + 1]
        expected = AutoTheta(season_length=7).forecast(y=history, h=HORIZON)["mean"]
        np.testing.assert_array_equal(found, expected)
    assert "auto_theta" in result.summary["mae_by_fold"]


PANEL = pd.concat(
    [
        TABLE.assign(unique_id="long", z=TABLE.y * 2),
        TABLE[:40].assign(unique_id="late", z=TABLE.y[:40] + 1, ds=TABLE.ds[:40]),
        TABLE[:24].assign(unique_id="short", z=TABLE.y[:24]),
    ]
)
PANEL_DATA = {"path": "data", "target": ["y", "z"], "short_series": "skip"}


@pytest.mark.parametrize("refit", [False, True])
def test_series_of_a_panel_end_when_they_end(refit, caplog):
    chosen = config(data=PANEL_DATA, split={"validation": 4, "test": 6})
    result = result_of(chosen, PANEL, folds=3, step=9, refit=refit)
    frame = result.forecasts
    assert list(frame.columns[:6]) == ["fold", "origin", "unique_id", "ds", "target", "actual"]
    last = frame[frame.fold == 3].groupby("unique_id").ds.max()
    assert last.to_dict() == PANEL.groupby("unique_id").ds.max().to_dict()
    truth = PANEL.melt(["unique_id", "ds"], ["y", "z"], "target", "truth")
    joined = frame.merge(truth, on=["unique_id", "ds", "target"])
    assert len(joined) == len(frame) == result.summary["windows"] * HORIZON * 2
    np.testing.assert_array_equal(joined.actual, joined.truth)
    assert frame[frame.fold == 1].unique_id.unique().tolist() == ["long", "late"]
    assert any(m.startswith("fold 1/3: 1 of 3 series left out") for m in caplog.messages)
    assert set(result.summary["worst_series"]) <= {"long", "late", "short"}


def test_an_origin_in_an_interpolated_gap_is_left_out(caplog):
    caplog.set_level(logging.INFO, "forecast")
    gap = TABLE.assign(y=TABLE.y.where(TABLE.index != ORIGINS[1]))
    chosen = config(data={"path": "data", "missing": "interpolate"})
    result = result_of(chosen, gap, refit=True)
    assert result.summary["folds"] == [1, 3]
    assert "fold 2/3: 1 of 1 series left out; they are too short, or their origin lies" in " ".join(
        caplog.messages
    )
    folds = [m for m in caplog.messages if "origin 20" in m]
    assert [m.split(",")[0] for m in folds] == [
        "fold 1/3: origin 2024-02-28",
        "fold 3/3: origin 2024-03-07",
    ]
    with pytest.raises(DataError, match="data: no fold can be forecast from"):
        result_of(chosen, TABLE.assign(y=TABLE.y.where(~TABLE.index.isin(ORIGINS))))


def test_folds_that_do_not_fit_are_counted():
    room = ROWS - 8 - 7 - HORIZON  # validation, lookback and horizon of one training window
    fits = (room - HORIZON) // STEP + 1
    result = result_of(folds=fits)
    assert result.summary["folds"] == [*range(1, fits + 1)]
    with pytest.raises(ConfigError) as error:
        result_of(folds=fits + 1)
    assert str(error.value) == (
        f"folds {fits + 1}, step {STEP}: they need {fits * STEP + HORIZON} rows, and the longest"
        f" series has {room} beside validation and one training window; {fits} folds fit; give"
        " fewer folds, or a smaller step"
    )


def test_rows_that_differences_take_are_no_room_for_folds():
    chosen = config(transforms=[{"difference": {"lag": 7}}, "standardize"])
    fits = (ROWS - 8 - 7 - HORIZON - 7 - HORIZON) // STEP + 1
    assert len(result_of(chosen, folds=fits).summary["folds"]) == fits
    with pytest.raises(ConfigError, match=f"; {fits} folds fit"):
        result_of(chosen, folds=fits + 1)


def test_fewer_folds_do_where_nobody_asked_for_five(caplog):
    result = result_of(folds=None, step=16)
    (words,) = [m for m in caplog.messages if "instead of" in m]
    assert words == (
        f"{len(result.summary['folds'])} folds instead of 5, as no more fit; a smaller step makes"
        " room"
    )
    assert len(result_of(folds=None).summary["folds"]) == 5
    with pytest.raises(ConfigError, match="no fold fits"):
        result_of(config(window={"lookback": 7, "horizon": 40}), folds=None)


@pytest.mark.parametrize("refit", [False, True])
def test_a_validation_part_by_date_keeps_its_rows(refit, once, refitted):
    split = {"validation": str(TABLE.ds[ROWS - 28].date()), "test": str(TABLE.ds[ROWS - 20].date())}
    found = result_of(config(split=split), refit=refit)
    for one, other in zip(by_fold(found), by_fold(refitted if refit else once), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_median_of_a_quantile_model_is_what_counts():
    levels = {"loss": {"quantile": {"levels": [0.1, 0.5, 0.9]}}, "epochs": 2, "learning_rate": 0.01}
    result = result_of(config(training=levels))
    rows = (FOLDS - 1) * STEP + HORIZON
    split = {"validation": 8, "test": rows}
    model, _ = ended(experiment.train(config(training=levels, split=split), TABLE))
    expected = model.forecast(TABLE[: ORIGINS[2] + 1]).forecast
    np.testing.assert_allclose(by_fold(result)[2], expected, rtol=1e-6)


def test_the_rate_is_found_anew_for_every_training(caplog):
    caplog.set_level(logging.INFO, "forecast")
    sweep = {"seeds": 1, "steps": 40, "first": 1e-4, "last": 10.0, "rule": "valley"}
    auto = {"epochs": 1, "learning_rate": "auto", "lr_range": sweep}
    result_of(config(training=auto), folds=2, refit=True)
    assert len([m for m in caplog.messages if m.startswith("learning rate: ")]) == 2


def test_pictures_show_the_model_and_the_best_opponent_in_the_last_folds(once):
    (drawn,) = once.pictures
    best = min(
        once.summary["metrics"], key=lambda n: (n == "lstm", once.summary["metrics"][n]["MAE"])
    )
    assert list(drawn["forecasts"]) == ["lstm", best]
    assert [len(folds) for folds in drawn["forecasts"].values()] == [FOLDS] * 2
    assert len(drawn["actual"]) == ROWS - ORIGINS[0] + 2 * HORIZON
    (many,) = result_of(folds=13, step=2).pictures
    assert len(many["forecasts"]["lstm"]) == 12


def test_a_folder_is_filled_and_reads_back(once, tmp_path):
    folder = RunFolder(tmp_path / "a" / "b")
    write_backtest(once, folder, safe=False)
    assert {file.name for file in folder.path.iterdir()} == set(BACKTEST_FILES)
    frame = pd.read_csv(folder.path / "backtest.csv", parse_dates=["origin", "ds"])
    pd.testing.assert_frame_equal(frame, once.forecasts, check_dtype=False)
    scores = pd.read_csv(folder.path / "scores.csv")
    pd.testing.assert_frame_equal(scores, once.scores.astype({"key": object}), check_dtype=False)
    assert json.loads((folder.path / "summary.json").read_text()) == once.summary


def test_a_run_comes_with_its_model_unless_it_is_refitted(tmp_path):
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    chosen = config(data={"path": str(tmp_path / "table.csv")})
    run = new_run(tmp_path / "run")
    model, _ = ended(experiment.train(chosen, folder=run))
    for path in (run.path, run.path / "model.safetensors"):
        found, trained = open_source(path)
        assert found == model.config == trained.config
        assert open_source(path, ["training.epochs=7"], refit=True)[0].training.epochs == 7
        assert open_source(path, refit=True)[1] is None
        with pytest.raises(ConfigError, match=r"leave training\.epochs=7 out, or add --refit"):
            open_source(path, ["training.epochs=7"])
    for options in ({"table": "far/table.csv"}, {"overrides": ["data.path=far/table.csv"]}):
        assert open_source(run.path, **options)[0].data.path == "far/table.csv"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        open_source(tmp_path / "empty")
    result, _ = ended(backtest(*open_source(run.path), folds=2))
    write_backtest(result, RunFolder(tmp_path / "out"), safe=False)
    assert (tmp_path / "out" / "backtest.csv").exists()
