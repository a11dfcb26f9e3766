"""`forecast predict`: what it prints, writes, reads and leaves alone."""

import json

import numpy as np
import pandas as pd
import pytest

from forecast.forecasting.model_file import load
from tests.cli.helpers import ROWS, TABLE, rows_of


def test_it_prints_the_forecast_of_training_from_folder_or_model_file(run, call):
    expected = (run / "forecast.csv").read_text()
    assert call("predict", run) == (0, expected, "")
    assert call("predict", run / "model.safetensors") == (0, expected, "")


def test_json_holds_the_same_numbers(run, call):
    code, out, _ = call("predict", run, "--json")
    assert code == 0
    expected = rows_of((run / "forecast.csv").read_text())
    for row, written in zip(json.loads(out), expected, strict=True):
        numbers = {name: float(written[name]) for name in ("forecast", "lo-80", "hi-80")}
        assert row == written | numbers
        assert f'"forecast": {written["forecast"]},\n' in out


def test_a_picture_is_drawn_beside_the_forecast(run, call, tmp_path):
    path = tmp_path / "ahead.png"
    expected = (run / "forecast.csv").read_text()
    assert call("predict", run, "--plot", path) == (0, expected, "")
    assert path.read_bytes() == b"picture"  # see conftest.py


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.pq"])
def test_it_writes_a_table_that_force_replaces(name, run, call, tmp_path):
    path = tmp_path / name
    assert call("predict", run, "--output", path)[:2] == (0, f"3 rows in {path}\n")
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    table = read(path).assign(month=lambda t: pd.to_datetime(t.month))
    pd.testing.assert_frame_equal(table, load(run).forecast(), check_dtype=False, rtol=1e-12)
    path.write_text("old")
    _, out, _ = call("predict", run, "--output", path, "--json", "--force")
    assert json.loads(out) == {"output": str(path), "rows": 3}
    assert path.read_bytes() != b"old"


def test_beyond_the_horizon_it_rolls_forward_and_says_so(run, call):
    code, out, err = call("predict", run, "--horizon", "7")
    assert code == 0
    rows = rows_of(out)
    assert [row["month"] for row in rows][::6] == ["2024-01-01", "2024-07-01"]
    assert rows[:3] == rows_of((run / "forecast.csv").read_text())
    assert err.startswith("WARNING: horizon 7 is beyond the trained 3: the model goes on from its")
    assert len(rows_of(call("predict", run, "--horizon", "1")[1])) == 1


def test_it_gives_the_levels_that_are_asked_for(run, call):
    code, out, err = call("predict", run, "--level", "90", "50")
    assert (code, err) == (0, "")
    columns = ["month", "target", "forecast", "lo-90", "lo-50", "hi-50", "hi-90"]
    assert list(rows_of(out)[0]) == columns


def test_it_gives_sample_paths_by_their_seed(run, call):
    words = ("predict", run, "--quiet", "--samples", "10")
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    rows = rows_of(out)
    assert [*rows[0]] == ["month", "sample", "sales"]
    assert [row["sample"] for row in rows] == [str(number) for number in range(10) for _ in "123"]
    assert call(*words, "--seed", "0")[1] == out
    assert call(*words, "--seed", "1")[1] != out


def test_it_says_which_intervals_are_left_out(place, call):
    words = ("train", "config.yaml", "intervals.levels=[80, 95]", "--run", "run", "--quiet")
    left_out = "intervals from 95 % on are left out: such an interval needs 19 errors of each step"
    assert call(*words)[2].startswith(f"WARNING: {left_out}")
    assert call("predict", "run")[2].startswith(f"INFO: {left_out}")
    assert call("predict", "run", "--quiet")[2] == ""


def test_it_goes_on_from_newer_history(run, call, tmp_path):
    months = pd.date_range("2018-01-01", periods=ROWS + 5, freq="MS").strftime("%Y-%m-%d")
    newer = pd.DataFrame({"month": months, "sales": [*TABLE.sales, 50, 51, 52, 53, 54]})
    newer.iloc[-20:].to_csv(tmp_path / "newer.csv", index=False)
    code, out, _ = call("predict", run, "--data", tmp_path / "newer.csv")
    assert code == 0
    assert [row["month"] for row in rows_of(out)] == ["2024-06-01", "2024-07-01", "2024-08-01"]
    newer.iloc[:ROWS].to_csv(tmp_path / "same.csv", index=False)
    assert call("predict", run, "--data", tmp_path / "same.csv")[1] == call("predict", run)[1]


def test_it_reads_the_future_of_covariates(place, call, refuse):
    TABLE.assign(sale=np.arange(ROWS) % 4).to_csv("table.csv", index=False)
    code, out, err = call("train", "config.yaml", "--run", "run", "data.future=[sale]")
    assert code == 0
    assert "WARNING: forecast.csv is left out: the model needs the future values of sale" in err
    assert "forecast: run/forecast.png, run/learning_curve.png\n" in out
    assert "give them with forecast predict run --future FILE\n" in err
    assert "give them as `future` (in the command: --future FILE)" in refuse(3, "predict", "run")
    months = ["2024-01-01", "2024-02-01", "2024-03-01"]
    pd.DataFrame({"month": months, "sale": [0, 1, 2]}).to_csv("future.csv", index=False)
    code, out, _ = call("predict", "run", "--future", "future.csv")
    assert code == 0
    assert [row["month"] for row in rows_of(out)] == months


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-9], "truncated or damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
        (lambda data: b"", "not a checkpoint of this program, or truncated"),
        (lambda data: b"PK\x03\x04 a pickle in a zip", "not a checkpoint of this program"),
    ],
)
def test_it_refuses_a_damaged_or_foreign_model_file(damage, message, run, refuse, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(damage((run / "model.safetensors").read_bytes()))
    found = refuse(3, "predict", path)
    assert found.startswith(f"{path}: ")
    assert message in found


def test_it_leaves_the_partners_out_where_that_is_asked_for(place, call):
    assert call("train", "config.yaml", "--run", "both", "--quiet", "partners=[theta]")[0] == 0
    alone, both = load("both"), call("predict", "both", "--quiet")[1]
    assert both == (place / "both" / "forecast.csv").read_text()
    found = rows_of(call("predict", "both", "--without-partners", "--quiet")[1])
    expected = alone.without_partners().forecast().forecast
    assert [float(row["forecast"]) for row in found] == pytest.approx(expected.tolist())
    assert found != rows_of(both)


def test_a_folder_is_forecast_file_by_file(run, call, refuse, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("a", "b"):
        (data / f"unique_id={name}").mkdir(parents=True)
        TABLE.to_parquet(data / f"unique_id={name}" / "x.parquet", index=False)
    words = ["predict", run, "--data", data, "--output", out, "--format", "csv"]
    warning = (
        "WARNING: series a was not in training: the test scores say nothing of it (and so on, in 2"
        " files)\n"
    )
    assert call(*words) == (0, f"6 rows of 2 series in 2 files in {out}\n", warning)
    found = pd.read_csv(out / "unique_id=b" / "x.csv")
    alone = load(run).forecast(TABLE.assign(unique_id="b"))
    np.testing.assert_allclose(found.forecast, alone.forecast, rtol=1e-9)
    code, text, _ = call(*words, "--json")
    summary = json.loads(text)
    assert (code, summary["files"], summary["before"], summary["rows"]) == (0, 2, 2, 6)
    (data / "unique_id=b" / "x.parquet").write_bytes(b"torn")
    assert refuse(3, *words) == f"{data}/unique_id=b/x.parquet: {TORN}"


TORN = (
    "Parquet file size is 4 bytes, smaller than the minimum file footer (8 bytes); write the file"
    " again as Parquet"
)
FOLDER_REFUSALS = {
    "stdout": ((), "--data data is a folder; give a folder for its forecasts with --output"),
    "compare": (
        ("--output", "out", "--compare", "b.csv"),
        "--compare takes one table; give a file with --data",
    ),
    "no worker": (
        ("--output", "out", "--workers", "0"),
        "--workers 0 is not allowed; give 1 or more",
    ),
    "level": (("--output", "out", "--level", "100"), "level 100 is not allowed"),
    "horizon": (("--output", "out", "--horizon", "0"), "horizon 0 is not allowed"),
}


@pytest.mark.parametrize(("words", "message"), FOLDER_REFUSALS.values(), ids=FOLDER_REFUSALS.keys())
def test_what_a_folder_cannot_have_is_refused_at_once(
    run, refuse, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    TABLE.to_parquet("data/x.parquet", index=False)
    assert refuse(2, "predict", run, "--data", "data", *words).startswith(message)
    assert not (tmp_path / "out").exists()


def test_options_of_folders_are_refused_for_a_file(run, refuse):
    for words in (("--workers", "2"), ("--ray", "local"), ("--format", "csv")):
        assert refuse(2, "predict", run, *words) == (
            f"{words[0]} is for a folder of files; give one with --data"
        )
