"""The example that runs an exported file: the numbers of `predict`, without torch and pandas."""

import importlib.util
import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.export.onnx import content_of, exported
from tests.export.test_onnx import panel_file
from tests.forecasting.cases import built

EXAMPLE = Path(__file__).parents[2] / "examples/onnx_forecast.py"
RUN = """
import atexit, runpy, sys
atexit.register(lambda: print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("unchecked_shapes")]


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("onnx_forecast", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """An exported panel, its table and the covariates of the future."""
    case, _, content = panel_file()
    (tmp_path / "model.onnx").write_bytes(content)
    case.frame.to_csv(tmp_path / "history.csv", index=False)
    case.future.to_csv(tmp_path / "future.csv", index=False)
    return tmp_path


def run(folder, *words):
    """What the example writes, and the packages that it imported; or its line and exit code."""
    command = [sys.executable, "-I", "-c", RUN, EXAMPLE, "model.onnx", "history.csv", *words]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
    *line, packages = found.stderr.splitlines()
    return found.returncode, found.stdout, line, set(packages.split())


def test_a_csv_is_forecast_as_by_the_model_without_torch_and_pandas(folder):
    case, trained, _ = panel_file()
    code, out, _, packages = run(folder, "--future", "future.csv")
    assert code == 0
    assert "onnxruntime" in packages
    assert not {"torch", "pandas", "forecast", "onnx", "sklearn"} & packages
    found = pd.read_csv(io.StringIO(out), parse_dates=["ds"], dtype={"unique_id": str})
    found.loc[found.unique_id.isna(), "unique_id"] = "NA"
    wanted = trained.forecast(case.frame, case.future)
    assert list(found) == list(wanted)
    keys = ["unique_id", "ds", "target"]
    both = found.merge(wanted, on=keys, suffixes=("", "_wanted"))
    assert len(both) == len(found) == len(wanted)
    for name in wanted.columns.drop(keys):
        np.testing.assert_allclose(both[name], both[f"{name}_wanted"], rtol=1e-5)


def test_what_is_missing_is_said_on_one_line(folder):
    code, out, line, _ = run(folder)
    assert (code, out) == (1, "")
    assert line == ["--future has no row of series b for 2024-04-01"]
    table = pd.read_csv(folder / "history.csv", keep_default_na=False)
    table.groupby("unique_id").head(5).to_csv(folder / "history.csv", index=False)
    _, _, line, _ = run(folder)
    assert line[0].startswith("--future has no row of series b")
    table.replace({"unique_id": {"b": "new"}}).to_csv(folder / "history.csv", index=False)
    future = pd.read_csv(folder / "future.csv", keep_default_na=False)
    future.replace({"unique_id": {"b": "new"}}).to_csv(folder / "future.csv", index=False)
    code, out, line, _ = run(folder, "--future", "future.csv")
    assert (code, out, line) == (1, "", ["series new was not in training; leave it out"])


@pytest.mark.parametrize(
    ("frequency", "start", "form"),
    [
        ("MS", "2023-11-01", "%Y-%m-%d"),
        ("2ME", "2023-11-30", "%Y-%m-%d"),
        ("QS-NOV", "2023-11-01", "%Y-%m-%d"),
        ("YE-DEC", "2020-12-31", "%Y-%m-%d"),
        ("D", "2024-02-27", "%Y-%m-%d"),
        ("W-TUE", "2024-02-27", "%Y-%m-%d"),
        ("B", "2024-02-29", "%Y-%m-%d"),
        ("15min", "2024-02-28 23:30:00", "%Y-%m-%d %H:%M:%S"),
        ("h", "2024-02-28T22:00:00", "%Y-%m-%dT%H:%M:%S"),
    ],
)
def test_times_go_on_as_pandas_counts_them(example, frequency, start, form):
    about = {"horizon": 5, "frequency": frequency, "timezone": None, "time": "ds"}
    wanted = pd.date_range(start, periods=6, freq=frequency)[1:]
    assert example.times_after(start, about) == wanted.strftime(form).tolist()


@pytest.mark.parametrize("frequency", ["h", "D"])
def test_times_of_a_zone_go_on_over_a_change_of_its_clocks(example, frequency):
    zone = "Europe/Berlin"
    about = {"horizon": 5, "frequency": frequency, "timezone": zone, "time": "ds"}
    start = pd.Timestamp("2024-10-27 00:00", tz=zone)
    wanted = pd.date_range(start, periods=6, freq=frequency)[1:]
    assert example.times_after(str(start), about) == [str(each) for each in wanted]
    walls = wanted.tz_localize(None).astype("datetime64[s]").astype(np.int64)
    assert example.seconds([str(each) for each in wanted], about).tolist() == walls.tolist()


def test_integers_and_frequencies_that_it_does_not_count(example):
    about = {"horizon": 2, "frequency": 10, "timezone": None}
    assert example.times_after("7", about) == ["17", "27"]
    with pytest.raises(SystemExit, match="this example does not count its times"):
        example.times_after("2024-01-01", {**about, "frequency": "D MON-FRI,SUN"})


@pytest.mark.slow
def test_from_start_to_forecast_in_half_a_second(tmp_path):
    case, trained = built("air")
    (tmp_path / "model.onnx").write_bytes(content_of(exported(trained), trained))
    case.frame.to_csv(tmp_path / "history.csv", index=False)
    command = [sys.executable, EXAMPLE, "model.onnx", "history.csv"]
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.5
