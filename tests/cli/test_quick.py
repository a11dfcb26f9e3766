"""`forecast quick`: what it prints, writes, draws and leaves alone."""

import json

import numpy as np
import pandas as pd
import pytest

import forecast
from tests.cli.helpers import rows_of

WORDS = ("quick", "table.csv", "--horizon", "4")
COLUMNS = ["month", "target", "forecast", "lo-95", "lo-80", "hi-80", "hi-95"]


def test_it_prints_a_table_and_says_on_stderr_what_it_is_worth(place, call):
    code, out, err = call(*WORDS)
    rows = rows_of(out)
    assert (code, list(rows[0])) == (0, COLUMNS)
    assert [row["month"] for row in rows] == [f"2024-0{n}-01" for n in range(1, 5)]
    lines = err.splitlines()
    assert lines[0].split() == ["12", "windows", "MAE", "RMSE", "sMAPE", "MASE"]
    assert {line.split()[0] for line in lines[1:-2]} >= {"pretrained", "theta", "ets", "naive"}
    assert lines[-2].startswith("weights: pretrained 1.00, theta 0.00")
    assert lines[-1].startswith("pretrained is ")
    assert call(*WORDS, "--quiet") == (0, out, "")


def test_the_command_and_the_function_say_the_same(place, call):
    found = forecast.quick("table.csv", horizon=4, level=[50], partners=[])
    _, out, _ = call(*WORDS, "--level", "50", "--partners", "none", "--json")
    result = json.loads(out)
    rows = result.pop("forecast")
    assert [row["lo-50"] for row in rows] == found.forecast["lo-50"].tolist()
    assert result == json.loads(json.dumps(found.facts()))


def test_samples_take_the_place_of_intervals(place, call):
    paths = forecast.quick("table.csv", horizon=4, partners=[]).sample(20, seed=3).table
    words = (*WORDS, "--partners", "none", "--samples", "20", "--seed", "3", "--json")
    rows = json.loads(call(*words)[1])["samples"]
    assert [row["sales"] for row in rows] == paths["sales"].tolist()
    assert len(rows) == 20 * 4


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_it_writes_a_table_that_force_replaces(name, place, call):
    code, out, _ = call(*WORDS, "--output", name)
    assert (code, out) == (0, f"4 rows in {name}\n")
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    assert list(read(name)) == COLUMNS
    (place / name).write_text("old")
    _, out, err = call(*WORDS, "--output", name, "--json", "--force", "--folds", "0")
    result = json.loads(out)
    assert (result["output"], result["rows"], result["windows"], err) == (name, 4, 0, "")
    assert len(read(name)) == 4


def test_it_draws_a_picture(place, call):
    code, _, _ = call(*WORDS, "--plot", "picture.png", "--quiet")
    assert code == 0
    assert (place / "picture.png").exists()


def test_intervals_that_nobody_knows_are_null_in_json(place, call):
    short = pd.DataFrame({"unique_id": list("aaaab"), "ds": [1, 2, 3, 4, 1], "y": np.arange(5.0)})
    short.to_csv("short.csv", index=False)
    _, out, err = call("quick", "short.csv", "--horizon", "1", "--json")
    assert json.loads(out)["forecast"][1]["lo-80"] is None
    assert "WARNING: 1 series with fewer than 3 known values" in err


def test_a_table_that_fails_leaves_no_file(place, call):
    (place / "bad.csv").write_text("ds,y\n2020-01-01,1\n2020-01-02,x\n2020-01-03,2\n")
    code, out, err = call("quick", "bad.csv", "--target", "y", "--output", "out.csv")
    assert (code, out) == (3, "")
    assert err.startswith("forecast: bad.csv:3: ")
    assert not (place / "out.csv").exists()
