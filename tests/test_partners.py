"""A training with partners from beginning to end: scores, file, forecast, backtest and report."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import forecast
from forecast.backtesting.run import backtest
from forecast.errors import DataError
from forecast.evaluate import actuals, part_forecasts
from forecast.evaluation.baselines import History
from forecast.forecasting.model_file import load
from forecast.partners.combination import Combination
from forecast.partners.table import PARTNERS
from forecast.prepare import prepare
from forecast.reporting.gather import write_report
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.drain import result_of
from forecast.runs.folder import MODEL_FILE
from tests.helpers import refusal, small_config, wave_table

ROWS, TEST = 160, 12
PARTS = {"window": {"lookback": 12, "horizon": 3}, "split": {"validation": 20, "test": TEST}}


def table_of(rows):
    """A series of so many rows, and a shorter one."""
    series = [
        wave_table(rows - 20 * number, "2024-01-01", "D", 7, 30 + 50 * number, seed=number)
        for number in range(2)
    ]
    return pd.concat(each.assign(unique_id=name) for each, name in zip(series, "ab", strict=True))


TABLE = table_of(ROWS)
METHODS = ("lstm", "theta", "ets")


def trained(table=TABLE, run=None, overrides=(), partners="[theta, ets]", **sections):
    chosen = small_config([f"partners={partners}", *overrides], **PARTS, **sections)
    return forecast.train(chosen, table, run=run)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forecast.drawing.plots.png", lambda figure: b"")
        folder = tmp_path_factory.mktemp("partners") / "run"
        return folder, trained(run=folder)


@pytest.fixture(scope="module")
def plain():
    return trained(partners="[]")


def weights_of(model):
    return [model.summary["weights"]["y"][name] for name in METHODS]


def test_the_combination_of_test_windows_is_what_its_methods_forecast(run):
    _, model = run
    prepared = prepare(model.config, TABLE)
    for part in ("validation", "test"):
        (rows, own), *_ = part_forecasts(model.models, prepared, part)
        (_, found), *_ = part_forecasts(model.models, prepared, part, model.combination)
        partners = [PARTNERS[name](actuals(prepared).history, rows, 3) for name in METHODS[1:]]
        each = [own[..., 0], *partners]
        expected = sum(w * values for w, values in zip(weights_of(model), each, strict=True))
        np.testing.assert_allclose(found[..., 0], expected, rtol=1e-9)


def test_scores_and_verdict_name_the_combination_the_model_and_each_partner(run):
    summary = run[1].summary
    assert summary["model"] == "combination"
    assert [*summary["metrics"]][:4] == ["combination", *METHODS]
    assert sum(summary["weights"]["y"].values()) == pytest.approx(1)
    alone = ", ".join(f"{name} {summary['metrics'][name]['MAE']:.4g}" for name in METHODS)
    assert summary["verdict"].startswith("The combination is ")
    assert summary["verdict"].endswith(f" Alone: {alone}.")
    assert set(summary["coverage"]) == {"split", "rolling"}


def test_the_model_alone_is_that_of_a_training_without_partners(run, plain):
    assert plain.combination.name == "lstm"
    assert plain.summary["metrics"]["lstm"] == run[1].summary["metrics"]["lstm"]


def test_the_same_forecast_from_the_file_and_from_the_whole_table(run):
    folder, model = run
    expected = model.forecast()
    assert_frame_equal(load(folder).forecast(), expected, check_exact=True)
    assert_frame_equal(model.forecast(TABLE), expected)
    assert (expected["lo-80"] < expected.forecast).all()


def test_the_forecast_of_newer_rows_is_that_of_partners_that_have_seen_them(run, plain):
    _, model = run
    newer = pd.concat([TABLE, wave_table(60, "2024-01-01", "D", 7, 9).assign(unique_id="new")])
    found = model.forecast(newer, level=[]).forecast.to_numpy().reshape(3, 3)
    own = plain.forecast(newer, level=[]).forecast.to_numpy().reshape(3, 3)
    values = newer.y.to_numpy()[:, None]
    offsets = np.array([0, ROWS, 2 * ROWS - 20, len(newer)])
    partners = [
        PARTNERS[name](History(values, offsets, 7), offsets[1:] - 1, 3)[..., 0]
        for name in METHODS[1:]
    ]
    expected = sum(w * f for w, f in zip(weights_of(model), [own, *partners], strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_network_alone_from_the_same_run(run, plain):
    alone = run[1].without_partners().forecast()
    assert [*alone.columns] == ["unique_id", "ds", "target", "forecast"]
    expected = plain.forecast(level=[])
    assert_frame_equal(alone, expected, check_exact=True)
    assert plain.without_partners() is plain


def test_beyond_the_trained_horizon_partners_go_on_too(run):
    _, model = run
    near, far = model.forecast(horizon=3), model.forecast(horizon=10)
    assert len(far) == 2 * 10
    first = far[far.groupby("unique_id").cumcount() < 3].reset_index(drop=True)
    assert_frame_equal(first, near)


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_mean_and_median(combine, tmp_path):
    model = trained(overrides=[f"combine={combine}"])
    model.save(tmp_path / MODEL_FILE)
    assert_frame_equal(load(tmp_path).forecast(), model.forecast(), check_exact=True)
    assert model.combination.is_median == (combine == "median")
    assert ("weights" in model.summary) == (combine == "mean")


def test_quantiles_move_with_the_point(tmp_path):
    loss = {"quantile": {"levels": [0.1, 0.5, 0.9]}}
    both = [trained(partners=each, training={"loss": loss}) for each in ("[theta]", "[]")]
    with_partner, plain = (model.forecast() for model in both)
    for side in ("lo-80", "hi-80"):
        distances = [table[side] - table.forecast for table in (with_partner, plain)]
        np.testing.assert_allclose(*distances, rtol=1e-6, atol=1e-9)
    assert not np.allclose(with_partner.forecast, plain.forecast)


@pytest.mark.parametrize(
    "weights",
    [None, [], [[0.5, 0.5]], [[0.5, 0.6, 0.5]], [[1.5, -0.5, 0.0]], [[0.5, 0.5, 0.0]] * 2, "all"],
)
def test_a_file_with_other_weights_is_refused(run, tmp_path, weights):
    tensors, content = load_checkpoint(run[0] / MODEL_FILE, "model")
    save_checkpoint(tmp_path / MODEL_FILE, "model", tensors, {**content, "weights": weights})
    message = refusal(load, tmp_path, error=DataError)
    assert message.startswith(f"{tmp_path / MODEL_FILE}: not a model of this program: weights")


def test_a_backtest_of_a_run_and_one_that_is_trained_anew(run):
    folder, model = run
    result = result_of(backtest(model.config, load(folder), TABLE, folds=2))
    assert [*result.forecasts.columns[6:10]] == ["combination", *METHODS]
    cut = TABLE[TABLE.groupby("unique_id").cumcount(ascending=False) >= 3]
    last = result.forecasts[result.forecasts.fold == 2]
    expected = model.forecast(cut, level=[]).forecast
    # A history that is cut is smoothed with what was fitted some rows earlier.
    np.testing.assert_allclose(last.combination, expected, rtol=0.02)
    assert "Alone: lstm" in result.summary["verdict"]
    anew = result_of(backtest(model.config, None, TABLE, folds=2, refit=True))
    assert anew.summary["model"] == "combination"


def test_the_report_names_the_weights(run):
    page = write_report(run[0], force=True)
    scores = next(each for each in page.sections if each.title == "Scores on the test part")
    parts = ", ".join(f"{n} {w:.2f}" for n, w in run[1].summary["weights"]["y"].items())
    assert scores.text.startswith(f"A combination by weights: {parts}. lstm with ")


def test_every_partner_reads_as_much_of_a_run_as_of_the_whole_table():
    table = table_of(260)
    model = trained(table, partners=f"[{', '.join(PARTNERS)}]", overrides=["combine=mean"])
    assert model.tail.lengths.max() > 200  # more than smoothing reads
    assert_frame_equal(model.forecast(), model.forecast(table), rtol=1e-5)


def test_a_partner_that_counts_nothing_is_not_asked(monkeypatch):
    combination = Combination(METHODS, ((0.5, 0.5, 0.0),))
    assert combination.counting == Combination(METHODS[:2], ((0.5, 0.5),))
    assert Combination(METHODS, ((0.0, 1.0, 0.0),)).counting.methods == METHODS[:2]
    median = Combination(METHODS, ((1 / 3,) * 3,), is_median=True)
    assert median.counting == median
    monkeypatch.setitem(PARTNERS, "ets", None)
    history = History(np.arange(40.0)[:, None], np.array([0, 40]), 1)
    values = np.full((1, 3, 1, 1), 5.0)
    found = combination.shifted(values, history, np.array([39]))
    expected = (5 + PARTNERS["theta"](history, np.array([39]), 3)) / 2
    np.testing.assert_allclose(found[..., 0], expected)
