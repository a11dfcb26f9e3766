"""Errors, tables and pictures of a backtest, against slow loops and utilsforecast."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses
from utilsforecast.evaluation import evaluate

from forecast.backtesting.pictures import pictures
from forecast.backtesting.plan import Fold, Plan
from forecast.backtesting.tables import (
    fold_errors,
    forecast_frame,
    origin_time,
    score_frame,
    summarise,
)
from forecast.config.data import DataConfig
from forecast.config.losses import MeanSquared
from forecast.data.panel import Panel
from forecast.data.scale import training_scale
from forecast.evaluation.baselines import History
from forecast.evaluation.scoring import Actuals
from forecast.times.axis import TimeAxis

RANDOM = np.random.default_rng(11)
LENGTHS, HORIZON, TARGETS = (30, 26), 3, 2
PLAN = Plan(folds=2, step=4, horizon=HORIZON)
DAY = 86_400_000_000_000


@pytest.fixture
def panel():
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    return Panel(
        values=RANDOM.uniform(5, 15, (int(offsets[-1]), TARGETS)),
        offsets=offsets,
        ids=("north", "south"),
        starts=np.array([0, 4]),
        axis=TimeAxis(19_000 * DAY, "D"),
        columns=("y", "z"),
        num_targets=TARGETS,
        static=np.zeros((2, 0)),
        has_ids=True,
    )


@pytest.fixture
def actuals(panel):
    train = np.column_stack([panel.offsets[:-1], panel.offsets[1:] - PLAN.rows])
    scale = training_scale(panel.values, panel.offsets, train, 1)
    return Actuals(panel.values, History(panel.values, panel.offsets, 1), scale)


@pytest.fixture
def folds(panel):
    return [
        Fold(
            number,
            PLAN.origins(panel.offsets, number),
            {
                name: RANDOM.uniform(5, 15, (2, HORIZON, TARGETS))
                for name in ("lstm", "naive", "seasonal_naive")
            },
        )
        for number in (1, 2)
    ]


def test_the_frame_holds_each_forecast_beside_its_truth(panel, actuals, folds):
    config = DataConfig(path="data", time="day", id="place", target=("y", "z"))
    frame = forecast_frame(config, panel, folds, actuals)
    assert list(frame.columns) == [
        *("fold", "origin", "place", "day", "target", "actual"),
        *("lstm", "naive", "seasonal_naive"),
    ]
    expected = []
    for fold in folds:
        for window, origin in enumerate(fold.rows):
            s = 0 if origin < LENGTHS[0] else 1
            for target, name in enumerate(("y", "z")):
                for step in range(HORIZON):
                    row = origin + 1 + step
                    day = int(panel.starts[s] + row - panel.offsets[s])
                    values = [v[window, step, target] for v in fold.forecasts.values()]
                    first = pd.Timestamp(19_000 * DAY)
                    expected.append(
                        [
                            *(fold.number, first + pd.Timedelta(days=day - step - 1)),
                            *(panel.ids[s], first + pd.Timedelta(days=day)),
                            *(name, panel.values[row, target], *values),
                        ]
                    )
    expected = pd.DataFrame(expected, columns=frame.columns)
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_scores_are_those_of_utilsforecast(panel, actuals, folds):
    config = DataConfig(path="data", target=("y", "z"))
    frame = forecast_frame(config, panel, folds, actuals)
    scores = score_frame(panel, folds, actuals).set_index(["group", "key", "method"])
    methods = ["lstm", "naive", "seasonal_naive"]
    frame["step"] = frame.groupby(["fold", "unique_id", "target"]).cumcount() + 1
    for group, column in (
        *(("fold", "fold"), ("step", "step"), ("series", "unique_id"), ("target", "target")),
        ("overall", None),
    ):
        keys = "all" if column is None else frame[column].astype(str)
        table = frame.assign(key=keys)[["key", "ds", "actual", *methods]]
        found = evaluate(
            table,
            metrics=[losses.mae, losses.rmse, losses.smape],
            models=methods,
            id_col="key",
            target_col="actual",
        )
        for metric, name, factor in (
            ("mae", "MAE", 1),
            ("rmse", "RMSE", 1),
            ("smape", "sMAPE", 200),
        ):
            each = found[found.metric == metric].set_index("key")
            for key, row in each.iterrows():
                for method in methods:
                    ours = scores.loc[(group, key, method), name]
                    assert ours == pytest.approx(factor * row[method]), (group, key, method, name)
    counts = score_frame(panel, folds, actuals).groupby("group").size()
    assert counts.to_dict() == {"overall": 3, "fold": 6, "step": 9, "series": 6, "target": 6}


def test_mase_of_a_fold_is_the_mean_of_scaled_errors(panel, actuals, folds):
    fold = folds[1]
    scaled = []
    for window, origin in enumerate(fold.rows):
        first, end = panel.offsets[window], panel.offsets[window + 1] - PLAN.rows
        for target in range(TARGETS):
            scale = np.abs(np.diff(panel.values[first:end, target])).mean()
            for step in range(HORIZON):
                error = panel.values[origin + 1 + step, target]
                error -= fold.forecasts["lstm"][window, step, target]
                scaled.append(abs(error) / scale)
    errors = fold_errors([fold], actuals)
    assert errors["lstm"].overall()["MASE"] == pytest.approx(np.mean(scaled))
    assert list(errors) == ["lstm", "naive", "seasonal_naive"]


def test_the_summary_says_where_when_and_who(panel, actuals, folds):
    summary = summarise(panel, PLAN, folds, actuals, MeanSquared(), ())
    assert summary["origins"] == ["2022-01-30", "2022-02-03"], "day 0 is 8 January"
    assert (summary["windows"], summary["series"], summary["targets"]) == (4, 2, ["y", "z"])
    scores = score_frame(panel, folds, actuals)
    for name, group in (("mae_by_fold", "fold"), ("mae_by_step", "step")):
        for method, values in summary[name].items():
            chosen = scores[(scores.group == group) & (scores.method == method)]
            assert values == chosen.MAE.tolist()
    series = scores[(scores.group == "series") & (scores.method == "lstm")]
    worst = series.sort_values("MASE", ascending=False)
    assert summary["worst_series"] == dict(zip(worst.key, worst.MASE, strict=True))
    assert summary["verdict"].startswith("lstm is ")


def test_an_origin_at_midnight_is_a_date_and_another_has_its_clock(panel, folds):
    assert origin_time(panel, folds[0]) == "2022-01-30"
    axis = TimeAxis(19_000 * DAY, "h")
    hourly = Panel(**{**panel.__dict__, "axis": axis})
    assert origin_time(hourly, folds[0]) == "2022-01-08 22:00:00"
    assert origin_time(Panel(**{**panel.__dict__, "axis": TimeAxis(7, 2)}), folds[0]) == "51"


def test_pictures_hold_the_rows_around_the_folds(panel, actuals, folds):
    drawn = pictures(panel, folds, actuals, ["lstm", "naive"], context=5, most=3)
    assert [each["name"] for each in drawn] == ["north, y", "north, z", "south, y"]
    first = drawn[2]
    origin = int(PLAN.origins(panel.offsets, 1)[1])
    np.testing.assert_array_equal(first["actual"], panel.values[origin - 5 :, 0])
    assert len(first["times"]) == len(first["actual"])
    times, values = first["forecasts"]["naive"][1]
    np.testing.assert_array_equal(values, folds[1].forecasts["naive"][1, :, 0])
    assert times.iloc[-1] == first["times"].iloc[-1]


def test_a_series_that_lacks_in_a_fold_is_drawn_from_the_folds_that_have_it(panel, actuals, folds):
    late = Fold(1, folds[0].rows[:1], {n: v[:1] for n, v in folds[0].forecasts.items()})
    drawn = pictures(panel, [late, folds[1]], actuals, ["lstm"], context=5, most=9)
    assert [len(each["forecasts"]["lstm"]) for each in drawn] == [2, 2, 1, 1]
