"""Files forecast side by side by threads: the same forecasts, and each file's own warnings."""

import threading
from unittest import mock

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from forecast.batch import threads
from forecast.batch.job import Forecaster
from forecast.batch.run import forecast_files
from forecast.runs.drain import result_of
from forecast.runs.log import log, warnings_of_thread


@pytest.mark.parametrize("available", [2, 5])
def test_files_are_forecast_side_by_side_to_the_bytes_of_one_after_the_other(place, available):
    met = threading.Barrier(2, timeout=100)

    class Meeting(Forecaster):
        def __call__(self, file):
            if not file.startswith("z"):
                met.wait()  # passes only if two files are under way
            return super().__call__(file)

    with (
        mock.patch.object(threads, "num_threads", return_value=available),
        mock.patch("forecast.batch.run.Forecaster", Meeting),
    ):
        summary = result_of(forecast_files(place.job(), place.trained))
    files = [each.file for each in summary.finished]
    assert files == ["part-0.parquet", "part-1.parquet", "z/part-2.parquet"]
    tables = [pd.read_parquet(place.folder / "out" / file) for file in files]
    assert_frame_equal(pd.concat(tables, ignore_index=True), place.trained.forecast(place.frame))


def test_a_thread_notes_its_own_warnings_alone():
    inside, told = threading.Barrier(2, timeout=100), {}

    def say(word):
        with warnings_of_thread() as told[word]:
            inside.wait()
            log.warning("%s was said", word)
            inside.wait()

    both = [threading.Thread(target=say, args=(word,)) for word in ("this", "that")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert told == {word: [("%s was said", f"{word} was said")] for word in ("this", "that")}
