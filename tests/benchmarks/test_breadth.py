"""Suites of many tables: what is held out, scores by hand, the table, and going on."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import breadth  # noqa: E402
import breadth_crps  # noqa: E402
import breadth_scores  # noqa: E402
from breadth_table import table_of  # noqa: E402


def long(**series):
    """A table with rows from 0 for each series."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": np.arange(len(values)), "y": values})
        for name, values in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def suite_file(folder, name, horizon=2, season=1, **series):
    frame = long(**series)
    from_end = frame.groupby("unique_id").cumcount(ascending=False)
    frame.assign(is_test=from_end < horizon).to_parquet(folder / f"{name}.parquet")
    row = pd.DataFrame([{"set": name, "season": season, "horizon": horizon}])
    file = folder / "sets.csv"
    row.to_csv(file, mode="a", header=not file.exists(), index=False)


def test_test_rows_are_never_known_and_validation_does_not_see_them(tmp_path):
    suite_file(tmp_path, "panel", a=np.arange(9.0), b=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    for validate, known, held_out in (
        (False, {"a": 7, "b": 4}, {"a": [7, 8], "b": [5, 6]}),
        (True, {"a": 5}, {"a": [5, 6]}),  # b would keep two rows: too few
    ):
        (suite,) = breadth_scores.read_suites(tmp_path, [], validate)
        assert suite.known.groupby("unique_id").size().to_dict() == known
        assert suite.held_out.groupby("unique_id").y.agg(list).to_dict() == held_out
        assert list(suite.known) == ["unique_id", "ds", "y"]


def test_single_series_are_tables_of_their_own(tmp_path):
    suite_file(tmp_path, "single_some", a=np.arange(9.0), b=np.arange(8.0))
    suite_file(tmp_path, "panel", a=np.arange(9.0), b=np.arange(8.0))
    single, panel = breadth_scores.read_suites(tmp_path, [], False)
    assert [(name, len(rows)) for name, rows in single.tables()] == [("a", 7), ("b", 6)]
    assert [(name, len(rows)) for name, rows in panel.tables()] == [("all", 13)]
    with pytest.raises(SystemExit, match="no suite x in"):
        next(breadth_scores.read_suites(tmp_path, ["x"], False))


def test_scores_by_hand():
    """Season 2; c is no longer than a season, so that its changes are those of neighbours."""
    known = long(a=[1.0, 5.0, 3.0, 5.0], b=[0.0, 0.0, 10.0, 10.0], c=[1.0, 4.0])
    held_out = pd.DataFrame(
        {"unique_id": [*"aabbcc"], "ds": [4, 5, 4, 5, 2, 3], "y": [4.0, 6.0, 10.0, 30.0, 4.0, 1.0]}
    )
    forecast = held_out.assign(forecast=[4.0, 8.0, 10.0, np.nan, 5.0, 5.0])
    forecast = forecast.assign(**{"lo-80": 5.0, "hi-80": 9.0}).drop(columns="y")
    found = breadth_scores.score(known, held_out, forecast, 2)
    # Scales 1, 10, 3. Seasonal naive: 3 5, 10 10, 4 4, which stands in for b.
    assert found["mase"] == pytest.approx((1 / 1 + 10 / 10 + 2.5 / 3) / 3)
    assert found["naive_mase"] == pytest.approx((1 / 1 + 10 / 10 + 1.5 / 3) / 3)
    symmetric = [200 * 2 / 14 / 2, 200 * 20 / 40 / 2, (200 / 9 + 200 * 4 / 6) / 2]
    assert found["smape"] == pytest.approx(np.mean(symmetric))
    assert found["coverage"] == pytest.approx(25)  # 6 of 4, 6, 4, 1
    assert (found["series"], found["stood_in"]) == (3, 1)
    naive = breadth_scores.score(known, held_out, None, 2)
    assert naive["mase"] == naive["naive_mase"] == pytest.approx(found["naive_mase"])
    assert naive["coverage"] is None
    assert naive["stood_in"] == 0


def test_a_forecast_for_other_times_is_none():
    known, held_out = long(a=[1.0, 2.0, 4.0]), pd.DataFrame({"unique_id": ["a"], "ds": 3, "y": 9.0})
    late = pd.DataFrame({"unique_id": ["a"], "ds": [4], "forecast": [9.0]})
    assert breadth_scores.score(known, held_out, late, 1)["stood_in"] == 1


def test_constant_series_have_no_scale_and_do_not_count():
    known = long(a=[1.0, 1.0, 1.0], b=[1.0, 2.0, 3.0])
    held_out = pd.DataFrame({"unique_id": ["a", "b"], "ds": 3, "y": [2.0, 4.0]})
    found = breadth_scores.score(known, held_out, None, 1)
    assert (found["series"], found["mase"]) == (1, 1.0)


def test_tables_of_a_suite_are_pooled_by_series():
    lines = [
        {"series": 1, "mase": 1.0, "naive_mase": 2.0, "smape": 10.0, "coverage": 100.0},
        {"series": 3, "mase": 3.0, "naive_mase": 4.0, "smape": 20.0, "coverage": None},
        {"series": 0, "mase": np.nan, "naive_mase": np.nan, "smape": np.nan, "coverage": 5.0},
    ]
    found = breadth_scores.pooled(lines)
    assert (found["mase"], found["naive_mase"], found["smape"]) == (2.5, 3.5, 17.5)
    assert found["ratio"] == pytest.approx(2.5 / 3.5)
    assert found["coverage"] == 100.0
    assert breadth_scores.owa({"smape": 16.342 / 2, "mase": 3.974}) == pytest.approx(0.75)


def line(suite, method, ratio, **more):
    usual = {"table": "all", "part": "test", "series": 1, "naive_mase": 1.0, "smape": 0.0}
    usual |= {"coverage": None, "stood_in": 0, "error": None}
    return usual | {"suite": suite, "method": method, "mase": ratio, **more}


def test_the_table_says_what_was_won_and_lost():
    lines = [
        line("one", "ours", 0.4, seconds=290, coverage=70.0),
        line("two", "ours", 0.9, seconds=310, coverage=80.0, stood_in=2),
        *(line(suite, "auto_ets", 0.8) for suite in ("one", "two")),
        *(line(suite, "auto_theta", 0.5) for suite in ("one", "two")),
        line("one", "quick", 1.0, error="broke", seconds=1),
    ]
    text = table_of(lines, ["ours", "quick", "auto_ets", "auto_theta"], 5)
    assert "| one | 0.400 | 1.000 | 0.800 | 0.500 | 70.0 % |  | 290 |" in text
    assert "| **geometric mean** | 0.600 |  | 0.800 | 0.500 | 75.0 % |  |  |" in text
    assert "- ours: ahead of AutoETS and AutoTheta on 1 of 2 suites; worst 0.900 (two)." in text
    assert "1 within 5, 2 within 6, 2 within 8; the longest took 5.2." in text
    assert "- two all, ours: seasonal naive stands in for 2 series." in text
    assert "- one all, quick: broke (seasonal naive stands in)." in text


@pytest.fixture
def commands(monkeypatch):
    """Every command that is run; it writes what a command would, or fails."""
    seen = []

    def fake(words, limit):
        seen.append(words)
        if words[0] == "train":
            folder = Path(words[1]).parent
            table = pd.read_csv(folder / "data.csv")
            if "unique_id" in table:
                raise breadth.FailedCommandError(f"{folder}/data.csv: no")
            run = folder / "run"
            run.mkdir()
            (run / "summary.json").write_text(json.dumps({"verdict": "good"}))
            ahead = pd.DataFrame({"ds": len(table) + np.arange(2), "forecast": 7.0})
            ahead.assign(**{"lo-80": 6.5, "hi-80": 7.5}).to_csv(run / "forecast.csv")
        elif words[0] == "predict":
            ahead = pd.read_csv(Path(words[1]) / "forecast.csv", index_col=0)
            ends = {end: 7.0 for end in breadth_crps.ENDS if end != "median"}
            ahead.assign(**ends).to_csv(words[words.index("--output") + 1], index=False)
        elif words[:2] == ["config", "init"]:
            Path(words[-1]).write_text("data: {}")
        return "", 1.5

    monkeypatch.setattr(breadth, "run", fake)
    return seen


def test_what_is_done_is_not_done_again(tmp_path, commands, capsys):
    suite_file(tmp_path, "single_some", a=np.arange(9.0), b=np.arange(8.0))
    suite_file(tmp_path, "panel", a=np.arange(9.0), b=np.arange(8.0))
    words = ["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--minutes", "3"]
    words += ["--methods", "ours", "seasonal_naive"]
    breadth.main([*words, "--only", "single_some"])
    assert [each[0] for each in commands] == ["config", "train", "predict"] * 2
    assert commands[0][3:7] == ["--horizon", "2", "--minutes", "3"]
    breadth.main(words)
    lines = [json.loads(each) for each in (tmp_path / "out/results.jsonl").read_text().splitlines()]
    assert [(x["suite"], x["table"], x["method"]) for x in lines] == [
        ("single_some", "all", "seasonal_naive"),
        ("single_some", "a", "ours"),
        ("single_some", "b", "ours"),
        ("panel", "all", "seasonal_naive"),
        ("panel", "all", "ours"),
    ]
    assert lines[1]["mase"] == 0.5
    assert lines[1]["coverage"] == 50.0
    assert lines[1]["seconds"] == lines[1]["init_seconds"] == 1.5
    assert lines[4]["error"] == "./data.csv: no"
    assert lines[4]["mase"] == lines[4]["naive_mase"]
    printed = capsys.readouterr().out
    assert "| single_some | 0.333 | 1.000 | 50.0 % | 2 to 2 |" in printed
    assert "point forecast (over its empirical quantiles): single_some 0.333 (" in printed
    commands.clear()
    breadth.main(words)
    assert not commands


def test_a_hanging_command_and_a_bad_one_are_errors(monkeypatch):
    monkeypatch.setattr(breadth, "FORECAST", (sys.executable, "-c"))
    with pytest.raises(breadth.FailedCommandError, match=r"not done after 0 s"):
        breadth.run(["import time; time.sleep(60)"], 0.3)
    with pytest.raises(breadth.FailedCommandError, match=r"^it broke$"):
        breadth.run(["raise SystemExit('it broke')"], 60)
    assert breadth.run(["print(3)"], 60)[0] == "3\n"


def test_crps_by_hand():
    """Season 1: errors of naive one step ahead are 1, 2 and 3, two steps ahead 3 and 5."""
    known, held_out = long(a=[0.0, 1.0, 3.0, 6.0]), long(a=[7.0, 8.0])
    held_out["ds"] += 4
    sums = breadth_crps.crps(known, held_out, None, 1)
    levels = np.array(breadth_crps.LEVELS)
    expected = 0.0
    for actual, errors in ((7.0, [1, 2, 3]), (8.0, [3, 5])):
        miss = actual - 6 - np.quantile(errors, levels)
        expected += 2 * np.maximum(levels * miss, (levels - 1) * miss).mean()
    assert sums["naive_pinball"] == sums["pinball"] == pytest.approx(expected)
    assert sums["size"] == 15
    # A point forecast has its absolute error: the levels are even about the median.
    assert sums["naive_point_pinball"] == pytest.approx(1 + 2)
    ends = {end: [7.0, 8.0] for end in (*breadth_crps.ENDS, "forecast")}
    perfect = breadth_crps.crps(known, held_out, held_out[["unique_id", "ds"]].assign(**ends), 1)
    assert perfect["pinball"] == 0
