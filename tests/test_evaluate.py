"""Models on the test part: scores against a slow loop, and what their intervals held."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_pinball_loss

from forecast import evaluate
from forecast.calibrate import held_out_forecasts
from forecast.evaluate import actuals, linear_opponent, part_forecasts, trained_models
from forecast.evaluation import intervals
from forecast.evaluation.conformal import rolling_radii
from forecast.evaluation.intervals import fit_error_scale
from forecast.evaluation.linear import fit_linear
from forecast.evaluation.scoring import verdict
from forecast.prepare import prepare
from tests.waves import MONTHS, ROWS, SEASON, SINGLE, TABLE, TEST, config, finish, session_of


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


def test_with_partners_evenly_spaced_windows_of_many_are_scored(monkeypatch):
    monkeypatch.setattr(evaluate, "MOST_TESTED", 4)
    session = session_of(config(partners=["theta"]), TABLE)
    model = finish(session)
    number = 2 * (TEST - 3 + 1)  # windows
    origins = session.prepared.windows["test"].origins()[
        [0, number // 4, number // 2, 3 * number // 4]
    ]
    truth = TABLE.y.to_numpy()
    errors = []
    for origin in origins:
        known = TABLE[(TABLE.unique_id == "ab"[origin // ROWS]) & (TABLE.index <= origin)]
        ahead = model.forecast(known)
        ahead = ahead[ahead.target == "y"].forecast.to_numpy()
        errors.append(np.abs(ahead - truth[origin + 1 : origin + 4]))
    found = model.summary["mae_by_target"][model.summary["model"]]["y"]
    assert found == pytest.approx(np.mean(errors), rel=1e-6)
    assert "on 4 test windows" in model.summary["verdict"]


def test_padded_windows_are_scored_like_the_short_histories_they_stand_for():
    young = TABLE[TABLE.unique_id == "b"].tail(34).assign(unique_id="young")
    whole = pd.concat([TABLE, young])
    chosen = config(window={"lookback": 40, "least_history": 4})
    session = session_of(chosen, whole)
    model, prepared = finish(session), session.prepared
    scaled = prepared.windows["train"].inputs.numpy().astype(np.float64)
    ridge = fit_linear(prepared.windows["train"], prepared.windows["validation"])
    linear, first = linear_opponent(prepared), 2 * ROWS
    for part, count in (("train", 10 - 8 + 1), ("validation", 7), ("test", 13)):
        windows = prepared.windows[part]
        assert (windows.series == 2).sum() == count
        for rows, values in part_forecasts(model.models, prepared, part):
            places = np.flatnonzero(rows >= first)
            for place in places[:: 4 if part == "test" else 1]:
                cut = young.head(rows[place] - first + 1)
                expected = model.forecast(cut).forecast.to_numpy().reshape(2, 3).T
                np.testing.assert_allclose(values[place, ..., 0], expected, rtol=1e-5)
    origin = first + 20
    past = scaled[first + 1 : origin + 1]
    past = np.concatenate([np.repeat(past[:1], 20, axis=0), past])
    steps = ridge.forecast(past[None])[0] * prepared.pipeline.chain.states[2][2, :, 1]
    changes = steps + prepared.pipeline.chain.states[2][2, :, 0]
    logs = np.log(young[["y", "z"]].to_numpy())[20]
    found = linear(np.array([origin]))[0]
    np.testing.assert_allclose(found, np.exp(logs + changes.cumsum(axis=0)), rtol=1e-5)


OPPONENTS = ["naive", "seasonal_naive", "drift", "mean", "moving_average", "linear_model"]


def slow_scores(model, rivals):
    """Method -> (step, truth, forecast, absolute, squared scale), by loops over all test values."""
    errors = {}
    for number, series in enumerate("ab"):
        table = TABLE[TABLE.unique_id == series].reset_index(drop=True)
        for origin in range(ROWS - TEST - 1, ROWS - 3):
            forecast = model.forecast(table.iloc[: origin + 1].assign(unique_id=series))
            linear = rivals(np.array([number * ROWS + origin]))[0]
            for place, column in enumerate(("y", "z")):
                values = table[column].to_numpy()
                known = values[: origin + 1]
                changes = np.diff(values[: ROWS - TEST - 9].reshape(-1, SEASON), axis=0)
                ours = forecast[forecast.target == column].forecast.to_numpy()
                for step in range(3):
                    methods = {
                        "lstm": ours[step],
                        "naive": known[-1],
                        "seasonal_naive": values[origin + 1 + step - SEASON],
                        "drift": known[-1] + (step + 1) * (known[-1] - known[0]) / origin,
                        "mean": known.mean(),
                        "moving_average": known[-SEASON:].mean(),
                        "linear_model": linear[step, place],
                    }
                    scales = np.abs(changes).mean(), (changes**2).mean()
                    for name, value in methods.items():
                        row = (step, values[origin + 1 + step], value, *scales)
                        errors.setdefault(name, []).append(row)
    return errors


def test_the_summary_scores_model_and_opponents_like_a_slow_loop(finished):
    session, model = finished
    rivals = linear_opponent(session.prepared)
    found = slow_scores(model, rivals)
    assert list(model.summary["metrics"]) == list(found) == ["lstm", *OPPONENTS]
    for name, rows in found.items():
        step, truth, value, absolute, squared = np.array(rows).T
        error = np.abs(truth - value)
        smape = 200 * error / (np.abs(truth) + np.abs(value))
        expected = {
            "MAE": error.mean(),
            "MSE": (error**2).mean(),
            "RMSE": np.sqrt((error**2).mean()),
            "MAPE": 100 * (error / np.abs(truth)).mean(),
            "sMAPE": smape.mean(),
            "MASE": (error / absolute).mean(),
            "RMSSE": np.sqrt((error**2 / squared).mean()),
            "bias": (value - truth).mean(),
        }
        scores = model.summary["metrics"][name]
        assert {**expected, "R2": 0, "OWA": 0}.keys() == scores.keys()
        assert {key: scores[key] for key in expected} == pytest.approx(expected, rel=1e-6)
        by_step = [error[step == number].mean() for number in range(3)]
        assert model.summary["mae_by_step"][name] == pytest.approx(by_step, rel=1e-6)


def test_the_linear_opponent_forecasts_from_the_rows_up_to_an_origin(finished):
    """scikit-learn's ridge on the model's scale, then standardise, difference and log undone."""
    prepared = finished[0].prepared
    lookback, horizon, (train, _) = 12, 3, prepared.split.train
    scaled = prepared.windows["train"].inputs.numpy().astype(np.float64)
    past, ahead = [], []
    for first in (0, ROWS):
        for start in range(first + 1, first + train[1] - lookback - horizon + 1):
            middle = start + lookback
            last = scaled[middle - 1]
            past += list((scaled[start:middle] - last).T)
            ahead += list((scaled[middle : middle + horizon] - last).T)
    penalty = fit_linear(prepared.windows["train"], prepared.windows["validation"]).penalty
    ridge = Ridge(alpha=penalty, fit_intercept=False).fit(past, ahead)
    origin = ROWS + 60
    found = linear_opponent(prepared)(np.array([origin]))[0]
    for place, column in enumerate(("y", "z")):
        window = scaled[origin - lookback + 1 : origin + 1, place]
        guess = ridge.predict([window - window[-1]])[0] + window[-1]
        logs = np.log(TABLE[column].to_numpy())
        changes = np.diff(logs[ROWS : ROWS + train[1]])
        steps = guess * changes.std() + changes.mean()
        expected = np.exp(logs[origin] + np.cumsum(steps))
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-5)


def test_the_verdict_is_that_of_the_metrics(finished):
    summary = finished[1].summary
    errors = {name: scores["MAE"] for name, scores in summary["metrics"].items()}
    best = min(OPPONENTS, key=errors.get)
    assert summary["best_opponent"] == best
    assert summary["verdict"] == verdict(summary["metrics"], "lstm", 26)
    assert f"{errors['lstm']:.4g} against {errors[best]:.4g} on 26" in summary["verdict"]


def test_the_summary_splits_the_errors_by_target_and_names_worst_and_best_series(finished):
    summary = finished[1].summary
    for method, by_target in summary["mae_by_target"].items():
        assert np.mean(list(by_target.values())) == pytest.approx(summary["metrics"][method]["MAE"])
    worst, best = summary["worst_series"], summary["best_series"]
    assert list(worst.values()) == sorted(worst.values(), reverse=True)
    assert list(best.items()) == list(reversed(worst.items()))
    assert np.mean(list(worst.values())) == pytest.approx(summary["metrics"]["lstm"]["MASE"])


def test_of_a_large_panel_the_ten_worst_and_best_series_are_named():
    many = pd.concat(
        [SINGLE.assign(unique_id=f"s{number}", y=SINGLE.y + number**2) for number in range(12)]
    )
    session = session_of(config(data={"target": "y"}, training={"epochs": 1}), many)
    summary, truth = finish(session).summary, many.y.to_numpy()
    mase = dict.fromkeys(range(12), 0.0)
    for rows, values in part_forecasts(trained_models(session.prepared, session), session.prepared):
        for row, forecast in zip(rows, values[..., 0, 0], strict=True):
            first = row // ROWS * ROWS
            train = truth[first : first + ROWS - TEST - 9]
            scale = np.abs(train[SEASON:] - train[:-SEASON]).mean()
            mase[row // ROWS] += np.abs(truth[row + 1 : row + 4] - forecast).sum() / scale
    order = [f"s{number}" for number in sorted(mase, key=mase.get)]
    assert list(summary["best_series"]) == order[:10]
    assert list(summary["worst_series"]) == order[:1:-1]


def test_a_quantile_model_is_scored_on_its_quantiles_and_its_median():
    levels = (0.1, 0.5, 0.9)
    loss = {"quantile": {"levels": levels}}
    session = session_of(config(training={"loss": loss}, transforms=("log",)), TABLE)
    model = finish(session)
    pairs = list(part_forecasts(model.models, session.prepared))
    rows, values = (np.concatenate(each) for each in zip(*pairs, strict=True))
    truth = TABLE[["y", "z"]].to_numpy()[rows[:, None] + np.arange(1, 4)]
    error = np.abs(truth - values[..., 1])
    assert model.summary["metrics"]["lstm"]["MAE"] == pytest.approx(error.mean())
    pinball = [
        mean_pinball_loss(truth.ravel(), values[..., number].ravel(), alpha=level)
        for number, level in enumerate(levels)
    ]
    inside = (values[..., 0] <= truth) & (truth <= values[..., 2])
    found = model.summary["quantile_metrics"]
    assert found["pinball"] == pytest.approx(np.mean(pinball))
    assert found["sCRPS"] == pytest.approx(2 * np.mean(pinball) / truth.mean())
    assert found["coverage-80"] == pytest.approx(inside.mean())
    assert set(found) == {"pinball", "sCRPS", "coverage-80", "Winkler-80"}
    assert model.summary["coverage"] == {"quantile": {"80": pytest.approx(found["coverage-80"])}}
    score = model.summary["interval_score"]["quantile"]["80"]
    assert score == pytest.approx(found["Winkler-80"])
    assert model.calibration is None


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
    (one, two) = trained_models(finished[0].prepared, finished[0])
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(*(next(m.parameters()) for m in (one, two)))
    for model, weights in zip((one, two), finished[0].weights, strict=True):
        assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
        assert not model.training


# Intervals


def test_the_summary_tells_what_the_intervals_held(finished):
    session, model = finished
    data, held = session.prepared, {"split": [], "rolling": []}
    changes = np.abs(np.log(TABLE[["y", "z"]]).groupby(TABLE.unique_id).diff(SEASON).to_numpy())
    errors = {}  # (time of the origin, series) -> (3, 2)
    for part in ("validation", "test"):
        for rows, values in part_forecasts(trained_models(session.prepared, session), data, part):
            for row, forecast in zip(rows, values[..., 0], strict=True):
                actual = data.panel.values[row + 1 : row + 4]
                size = np.nanmean(changes[row // ROWS * ROWS : row + 1], axis=0)  # up to the origin
                error = np.abs(np.log(actual / forecast)) / size
                errors[row % ROWS, row // ROWS] = error.astype(np.float32)
    first = ROWS - TEST - 1
    for (time, _), error in errors.items():
        for step, target in np.ndindex(3, 2) if time >= first else ():
            for kind, last in (("split", first - 3), ("rolling", time - step - 1)):
                known = sorted(e[step, target] for (t, _), e in errors.items() if t <= last)
                rank = int(np.ceil((len(known) + 1) * 0.8))
                held[kind].append((step, error[step, target] <= known[rank - 1]))
    for kind, pairs in held.items():
        step, inside = np.array(pairs).T
        # The adaptive level changes a rank here and there, never by more than one on 13 origins.
        tolerance = 1e-9 if kind == "split" else 0.06
        summary = model.summary["coverage"][kind]["80"]
        assert summary == pytest.approx(inside.mean(), abs=tolerance)
        by_step = [inside[step == number].mean() for number in range(3)]
        found = model.summary["coverage_by_step"][kind]["80"]
        assert found == pytest.approx(by_step, abs=tolerance)
    assert set(model.summary["interval_width"]) == {"split", "rolling"}
    assert model.summary["interval_score"]["rolling"]["95"] > 0


def test_values_after_an_origin_change_nothing_of_its_intervals(finished):
    """Rolling radii of a table whose last four rows become others; the model stays as it is."""
    session, _ = finished
    models, changed = trained_models(session.prepared, session), TABLE.copy()
    changed.loc[changed.ds >= MONTHS[-4], ["y", "z"]] *= 3
    radii = []
    for table in (TABLE, changed):
        data = prepare(session.prepared.config, table)
        scale = fit_error_scale(data.pipeline, data.panel, data.split.train, SEASON)
        validation, test = held_out_forecasts(models, data, actuals(data), scale, None)
        known = validation.scores.joined(test.scores)
        rolling = rolling_radii(known, test.scores, (80.0,), 500, 0.05)
        radii.append({int(test.scores.times[w.start]): each for w, each in rolling})
    assert [*radii[0]] == [*range(ROWS - TEST - 1, ROWS - 3)]
    for time, before in radii[0].items():
        same = np.array_equal(before, radii[1][time])
        assert same or time > ROWS - 5
    assert not np.array_equal(radii[0][ROWS - 4], radii[1][ROWS - 4])


def test_no_levels_no_intervals(caplog):
    model = finish(session_of(config(intervals={"levels": ()}, training={"epochs": 1}), SINGLE))
    assert not {"coverage", "coverage_by_step", "interval_width"} & set(model.summary)
    assert model.calibration is model.left_out is None


def test_a_panel_of_many_series_has_intervals_and_is_not_held_whole(monkeypatch):
    many = pd.concat([SINGLE.assign(unique_id=f"s{number}") for number in range(300)])
    chosen = config(data={"target": "y"}, training={"epochs": 1, "batch_size": 1024})
    session = session_of(chosen, many)
    whole = finish(session).summary["coverage"]["rolling"]["80"]
    monkeypatch.setattr(intervals, "MOST_VALUES", 300 * 7 * 3)
    part = finish(session)
    assert part.calibration.count == 300 * 7
    assert part.summary["coverage"]["rolling"]["80"] == pytest.approx(whole, abs=0.1)
