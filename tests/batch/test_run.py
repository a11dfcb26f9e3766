"""A folder forecast file by file: what is written, kept, made anew and refused."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from forecast.batch.manifest import MANIFEST
from forecast.batch.run import forecast_files
from forecast.errors import ConfigError
from forecast.runs.drain import result_of
from tests.helpers import in_nanoseconds, refusal

FILES = ["part-0.parquet", "part-1.parquet", "z/part-2.parquet"]


def run(place, *watchers, force=False, **options):
    return result_of(forecast_files(place.job(**options), place.trained, force=force), *watchers)


def stamps(place):
    return {file: os.stat(place.folder / "out" / file).st_mtime_ns for file in FILES}


def refused(place, force=False, error=ConfigError, **options):
    return refusal(run, place, force=force, error=error, **options)


def test_each_file_has_the_forecasts_of_its_series(place):
    seen = []
    summary = run(place, seen.append)
    assert [(each.done, each.files) for each in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert sum(each.rows for each in summary.finished) == 18
    assert (summary.warnings, summary.failed) == ([], ())
    tables = [pd.read_parquet(place.folder / "out" / file) for file in FILES]
    expected = place.trained.forecast(place.frame)
    assert_frame_equal(pd.concat(tables, ignore_index=True), expected)
    assert [*expected] == ["unique_id", "ds", "target", "forecast", "lo-80", "hi-80"]


def test_series_that_folders_name_and_csv(place):
    for file in FILES:
        os.remove(place.folder / "data" / file)
    os.rmdir(place.folder / "data" / "z")
    place.frame.to_parquet(place.folder / "data", index=False, partition_cols=["unique_id"])
    run(place, suffix=".csv", horizon=2, level=())
    found = pd.concat(
        [
            pd.read_csv(path, dtype={"unique_id": str}, parse_dates=["ds"])
            for path in sorted((place.folder / "out").glob("unique_id=*/*.csv"))
        ]
    )
    expected = place.trained.forecast(place.frame, horizon=2, level=[]).sort_values("unique_id")
    assert_frame_equal(
        in_nanoseconds(found.reset_index(drop=True)), expected.reset_index(drop=True), rtol=1e-12
    )


def test_sample_paths_of_files_are_those_of_all_series_together(place):
    summary = run(place, samples=20, seed=3)
    assert [(each.series, each.rows) for each in summary.finished] == [(2, 120)] * 3
    tables = [pd.read_parquet(place.folder / "out" / file) for file in FILES]
    expected = place.trained.sample(place.frame, samples=20, seed=3).table
    assert_frame_equal(pd.concat(tables, ignore_index=True), expected)
    assert run(place, samples=20, seed=3).before == 3
    assert "with other options" in refused(place, samples=20, seed=4)
    assert "with other options" in refused(place)


def test_a_second_command_goes_on_where_the_first_was_stopped(place):
    steps = forecast_files(place.job(), place.trained)
    while next(steps).done < 2:
        pass
    steps.close()
    (place.folder / "out" / ".part-1.parquet.abcd1234.tmp").write_text("half")
    with (place.folder / "out" / MANIFEST).open("a") as file:
        file.write('{"file": "z/pa')  # a line that was torn off
    before = {file: os.stat(place.folder / "out" / file).st_mtime_ns for file in FILES[:2]}
    assert run(place).before == 2
    assert {file: stamps(place)[file] for file in FILES[:2]} == before
    assert run(place).before == 3
    assert {path.name for path in (place.folder / "out").iterdir()} == {
        *("part-0.parquet", "part-1.parquet", "z", MANIFEST)
    }


def test_what_changed_is_made_anew_and_nothing_else(place):
    run(place)
    before = stamps(place)
    place.write(FILES[0], place.frame[:80].assign(y=1.0))  # other data
    with (place.folder / "out" / FILES[1]).open("ab") as file:
        file.write(b"z")  # another output
    assert run(place).before == 1
    assert [stamps(place)[file] == before[file] for file in FILES] == [False, False, True]
    expected = place.trained.forecast(place.frame[:80].assign(y=1.0))
    assert_frame_equal(pd.read_parquet(place.folder / "out" / FILES[0]), expected)


def test_forecasts_of_another_model_or_with_other_options_are_not_taken_for_these(place):
    run(place)
    before = stamps(place)
    message = (
        f"{place.folder / 'out'} holds forecasts of another model or with other options; give"
        " another --output, or replace them with --force"
    )
    assert refused(place, horizon=2) == message
    with (place.folder / "run" / "model.safetensors").open("ab") as file:
        file.write(b" ")
    assert refused(place) == message
    assert stamps(place) == before
    assert run(place, force=True).before == 0
    assert all(stamps(place)[file] != before[file] for file in FILES)


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"file": "\\ud800.parquet"}', '{"file": ""}', '{"rows": "x"}']
)
def test_a_list_that_is_not_ours_is_refused_in_one_line(place, line):
    run(place)
    path = place.folder / "out" / MANIFEST
    head, first, *_ = path.read_text().splitlines()
    changed = json.dumps({**json.loads(first), **json.loads(line)}) if line[0] == "{" else line
    path.write_text(f"{head}\n{changed}\n")
    assert refused(place) == f"{path}: no list of forecasts of this program; give another --output"


def test_a_future_that_no_model_reads_is_refused(place):
    (place.folder / "pipe").unlink(missing_ok=True)
    os.mkfifo(place.folder / "pipe")  # that is not waited for, either
    with pytest.raises(ConfigError, match="reads no covariates of the future; leave `future`"):
        run(place, future=str(place.folder / "pipe"))


def test_a_file_that_cannot_be_forecast_stops_no_other(place):
    place.write(FILES[1], place.frame[80:160].assign(y="high"))
    summary = run(place)
    (failed,) = summary.failed
    assert failed.error == (
        f"{place.folder / 'data' / FILES[1]} row 0: column 'y' holds 'high', not a number; mend the"
        " cell, or leave it empty and set data.missing"
    )
    assert [each.file for each in summary.finished] == [FILES[0], FILES[2]]
    assert not (place.folder / "out" / FILES[1]).exists()
    place.write(FILES[1], place.frame[80:160])
    assert len(run(place).finished) == 3


def test_a_file_of_series_that_are_skipped_is_no_failure(place):
    """As one table of them all has none: the others are forecast."""
    config = place.trained.config
    config = config.model_copy(
        update={"data": config.data.model_copy(update={"short_series": "skip"})}
    )
    trained = replace(place.trained, config=config)
    path = place.write(FILES[1], place.frame[80:82])
    summary = result_of(forecast_files(place.job(), trained))
    assert {each.file: each.rows for each in summary.finished} == dict(
        zip(FILES, (6, 0, 6), strict=True)
    )
    assert summary.warnings == [
        f"{path}: 2 rows of series b are too few to forecast from; the model needs the last 5"
    ]
    assert not (place.folder / "out" / FILES[1]).exists()
    place.write(FILES[1], place.frame[80:160])
    summary = result_of(forecast_files(place.job(), trained))
    assert (summary.before, summary.warnings) == (2, [])


def test_warnings_are_told_once(place):
    for file, first in zip(FILES, (0, 80, 160), strict=True):
        new = place.frame[first : first + 80].assign(unique_id=lambda rows: "new " + rows.unique_id)
        place.write(file, new)
    message = "not in training: the test scores say nothing of them (and so on, in 3 files)"
    for _ in range(2):  # the second time from the list of what was finished
        (warning,) = run(place).warnings
        assert warning == f"series new a, new 007 were {message}"


def test_a_series_in_two_files_is_refused_before_anything_is_written(place):
    place.write(FILES[2], place.frame[80:100])
    assert refused(place, error=ValueError) == (
        f"{place.folder / 'data' / FILES[2]}: series b stands in {place.folder / 'data' / FILES[1]}"
        " as well; write the rows of each series to one file (docs/tutorials/cluster.md)"
    )
    assert not (place.folder / "out").exists()
    for file in FILES:
        place.write(file, place.frame[:40].drop(columns="unique_id"))
    assert refused(place, error=ValueError).startswith(
        f"{place.folder / 'data' / FILES[1]}: the table names no series, so it is one in several"
    )


def test_folders_that_hold_something_else_are_refused(place):
    out = place.folder / "out"
    out.mkdir()
    (out / "mine").write_text("")
    assert refused(place) == (
        f"{out} is not empty and holds no forecasts of a folder; give another --output"
    )
    (out / MANIFEST).write_text("{}")
    assert refused(place).startswith(f"{out / MANIFEST}: no list of forecasts of this program")
    (out / MANIFEST).unlink()
    (out / MANIFEST).symlink_to(out / "mine")
    assert refused(place).startswith(f"{out / MANIFEST} is a link, not a file of a run")
    for data, output in (("data", "data/z"), ("data", "data"), ("data/z", "data")):
        folders = {"data": str(place.folder / data), "output": str(place.folder / output)}
        assert "one of the folders of --data and --output lies in the other" in refused(
            place, **folders
        )


def test_a_link_among_the_folders_of_the_output_is_refused(place):
    outside = Path(place.folder / "outside")
    outside.mkdir()
    run(place)
    os.remove(place.folder / "out" / FILES[2])
    os.rmdir(place.folder / "out" / "z")
    (place.folder / "out" / "z").symlink_to(outside)
    assert refused(place) == f"{place.folder / 'out' / 'z'} is a link; give another --output"
    assert not [*outside.iterdir()]


@pytest.mark.parametrize("left", [0, 1])
def test_a_file_that_the_data_no_longer_hold_is_told(place, left):
    run(place)
    os.remove(place.folder / "data" / FILES[left])
    assert refused(place) == (
        f"{place.folder / 'out' / FILES[left]} is the forecast of a file that --data no longer"
        " holds; take it away, or give another --output"
    )
