"""Files shared out to processes: the same forecasts, and what a killed process means."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from forecast.batch.manifest import MANIFEST
from forecast.batch.run import forecast_files
from forecast.errors import DeviceError
from forecast.runs.drain import result_of


def test_two_processes_forecast_the_same_and_a_killed_one_stops_the_command(place):
    summary = result_of(forecast_files(place.job(), place.trained, workers=2))
    assert sorted(each.file for each in summary.finished) == [
        *("part-0.parquet", "part-1.parquet", "z/part-2.parquet")
    ]
    found = pd.read_parquet(place.folder / "out" / "part-1.parquet")
    assert_frame_equal(found, place.trained.forecast(place.frame[80:160]))
    assert not multiprocessing.active_children()

    for number in range(20):
        names = [f"{number}-{name}" for name in place.frame[:80].unique_id]
        place.write(f"other/part-{number}.parquet", place.frame[:80].assign(unique_id=names))
    job = place.job(data=str(place.folder / "data" / "other"), output=str(place.folder / "other"))
    steps = forecast_files(job, place.trained, workers=2)
    while next(steps).done < 1:
        pass
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(DeviceError, match="a worker process was killed"):
        result_of(steps)
    assert not multiprocessing.active_children()
    kept = len((place.folder / "other" / MANIFEST).read_text().splitlines()) - 1
    summary = result_of(forecast_files(job, place.trained))
    assert len(summary.finished) == 20
    assert summary.before == kept >= 1


@pytest.mark.slow
def test_a_command_that_is_killed_takes_its_processes_with_it_and_is_resumed(place):
    for number in range(300):
        names = [f"{number}-{name}" for name in place.frame.unique_id]
        place.write(f"other/part-{number}.parquet", place.frame.assign(unique_id=names))
    data, output = place.folder / "data" / "other", place.folder / "other"
    words = ["predict", place.folder / "run", "--data", data, "--output", output, "--workers", "2"]
    command = [sys.executable, "-m", "forecast", *map(str, words)]
    with subprocess.Popen(command) as process:
        while len([*output.glob("*.parquet")]) < 5:
            time.sleep(0.05)
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        process.kill()
    assert len(children) >= 2
    until = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{child}") for child in children):
        assert time.monotonic() < until
        time.sleep(0.1)
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1800 series in 300 files (" not in found.stderr
    assert "5400 rows of 1800 series in 300 files (" in found.stdout
    assert not [*output.glob(".*.tmp")]
