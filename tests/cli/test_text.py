"""The printed tables: what stands where, in units that a person reads."""

import pytest

from forecast.cli import text
from forecast.cli.text import backtest_text, check_text, profile_text
from forecast.training.profile import PROFILE_PARTS, profile_rows

CHECKED = {
    "data": {
        "source": "air.csv",
        "rows": 144,
        "series": 1,
        "shortest": 144,
        "longest": 144,
        "first": "1949-01-01",
        "last": "1960-12-01",
        "frequency": "MS",
        "timezone": None,
        "columns": ["passengers"],
    },
    "findings": [],
    "season": 12,
    "windows": {"train": 37, "validation": 13, "test": 25},
    "difference_orders": [{"lag": 12, "order": 1}, {"lag": 1, "order": 2}],
    "hidden_units": {
        "configured": 4,
        "input": 24,
        "output": 12,
        "between": [12, 24],
        "two_thirds": 28,
        "geometric_mean": 17,
        "samples_bound": [0.1, 0.5],
    },
    "device": "cpu",
    "parameters": 1234567,
    "epochs": 100,
    "ensemble": 1,
    "steps_per_epoch": 2,
    "range_test_steps": 0,
    "memory_mb": 0.3,
    "max_minutes": None,
    "refit": False,
    "seconds": 8.4,
    "kept_below": None,
}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """It is 14:32 when anything ends."""
    monkeypatch.setattr(text, "end_in_words", lambda seconds: f"ends at 14:32, in {seconds:g} s")


def test_a_good_check():
    assert check_text(CHECKED).splitlines() == [
        "data        air.csv: 144 rows",
        "time        1949-01-01 to 1960-12-01, frequency MS",
        "columns     passengers",
        "findings    none: no gaps, empty cells, constant columns or outliers",
        "windows     37 train, 13 validation, 25 test; season 12 rows",
        "differences lag 12 and lag 1 x 2 suggested, by seasonal-strength and unit-root tests of"
        " the training rows",
        "hidden      4 configured; rules of thumb for windows with 24 numbers in, 12 out:",
        "            12 to 24      between output and input",
        "            28            2/3 input + output",
        "            17            sqrt(input * output)",
        "            0.1 to 0.5    at most, by samples / (a * (input + output)) with a = 10 to 2",
        "parameters  1,234,567",
        "memory      below 1 MB beyond the libraries",
        "time        about 8 s for 100 epochs (2 steps each) on cpu",
        "            started now, it ends at 14:32, in 8.4 s, or sooner",
        "optional    all of it: findings, differences and sizes are advice, none must be followed",
    ]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"memory_mb": 1.6}, "memory      about 2 MB beyond the libraries"),
        ({"memory_mb": 2500.0}, "memory      about 2500 MB beyond the libraries"),
        (
            {"max_minutes": 4.5},
            "            training for at most 4.5 min (max_minutes); started now, it ends at 14:32,"
            " in 8.4 s, or sooner",
        ),
        (
            {"max_minutes": 4.5, "refit": True},
            "            training twice for at most 4.5 min (max_minutes); started now, it ends at"
            " 14:32, in 8.4 s, or sooner",
        ),
        (
            {"refit": True},
            "time        about 8 s for 100 epochs (2 steps each), and once more on all rows,"
            " on cpu",
        ),
        ({"ensemble": 3}, "time        about 8 s for 100 epochs (2 steps each) of 3 models on cpu"),
        ({"seconds": 0.4}, "time        below 1 s for 100 epochs (2 steps each) on cpu"),
        ({"seconds": 119.0}, "time        about 119 s for 100 epochs (2 steps each) on cpu"),
        ({"seconds": 600.0}, "time        about 10 min for 100 epochs (2 steps each) on cpu"),
        ({"seconds": 9000.0}, "time        about 2.5 h for 100 epochs (2 steps each) on cpu"),
        ({"steps_per_epoch": 1}, "time        about 8 s for 100 epochs (1 step each) on cpu"),
        ({"epochs": 1}, "time        about 8 s for 1 epoch (2 steps each) on cpu"),
        (
            {"kept_below": 18},
            "weights     kept as they begin: validation is too short to judge trained ones by; they"
            " are trained from split.validation: 18 on",
        ),
        (
            {"hidden_units": None, "difference_orders": []},
            "network     the pretrained one: its size is fixed, and it needs no differences",
        ),
        (
            {"range_test_steps": 60},
            "time        about 8 s for 100 epochs (2 steps each) with the learning-rate range test"
            " on cpu",
        ),
        (
            {"difference_orders": []},
            "differences none suggested, by seasonal-strength and unit-root tests of the training"
            " rows",
        ),
        (
            {"hidden_units": {**CHECKED["hidden_units"], "configured": [32, 16]}},
            "hidden      32, 16 configured; rules of thumb for windows with 24 numbers in, 12 out:",
        ),
        (
            {"data": {**CHECKED["data"], "series": 2, "shortest": 60, "longest": 84}},
            "data        air.csv: 144 rows, 2 series of 60 to 84 rows",
        ),
        (
            {"data": {**CHECKED["data"], "series": 2, "shortest": 72, "longest": 72}},
            "data        air.csv: 144 rows, 2 series of 72 rows",
        ),
        (
            {"data": {**CHECKED["data"], "timezone": "Europe/Berlin"}},
            "time        1949-01-01 to 1960-12-01, frequency MS, Europe/Berlin",
        ),
        (
            {"findings": [{"kind": "empty", "message": "air.csv:8: is empty"}]},
            "empty       air.csv:8: is empty",
        ),
    ],
)
def test_each_line_of_a_check(facts, line):
    assert line in check_text({**CHECKED, **facts}).splitlines()


def test_a_problem_is_the_last_line_of_a_check():
    problem = {"findings": [], "problem": "air.csv:3: oops"}
    assert check_text(problem) == "problem     air.csv:3: oops"
    *_, findings, last = check_text({"data": CHECKED["data"], **problem}).splitlines()
    assert (findings.split()[0], last) == ("findings", "problem     air.csv:3: oops")


def test_a_profile_has_a_row_a_part_and_the_whole():
    lines = profile_text(
        profile_rows({**dict.fromkeys(PROFILE_PARTS, 0.0), "kernel": 3.0, "overhead": 1.0})
    )
    assert [line.split()[0] for line in lines.splitlines()] == [*PROFILE_PARTS, "all"]
    assert lines.splitlines()[1] == (
        "kernel               3.00 s     75.0 %   gathering batches, forward and backward passes"
    )


METRICS = {"MAE": 1.5, "RMSE": 2.25, "sMAPE": 3.0, "MASE": 0.123456, "bias": 9.0}


def test_a_backtest_has_a_row_a_method_and_few_columns():
    summary = {
        "metrics": {"lstm": METRICS, "naive": METRICS},
        "folds": [1, 2],
        "horizon": 100,
        "mae_by_fold": {"lstm": [1.0, 2.0], "naive": [3.0, 4.0]},
        "mae_by_step": {"lstm": [float(step) for step in range(100)]},
        "worst_series": {f"shop {number}": 9.0 - number for number in range(7)},
        "verdict": "lstm is better",
        "remarks": ["by chance"],
    }
    assert backtest_text(summary).splitlines() == [
        "backtest               MAE      RMSE     sMAPE      MASE",
        "lstm                   1.5      2.25         3    0.1235",
        "naive                  1.5      2.25         3    0.1235",
        "MAE by fold              1         2",
        "lstm                     1         2",
        "naive                    3         4",
        "MAE by step              1        21        41        60        80       100",
        "lstm                     0        20        40        59        79        99",
        "worst series        MASE shop 0 9, shop 1 8, shop 2 7, shop 3 6, shop 4 5",
        "lstm is better",
        "by chance",
    ]
    one = {"folds": [1], "horizon": 1, "worst_series": {}}
    assert backtest_text({**summary, **one}).count("\n") == 4, "overall, and the verdict"
