"""A folder of Parquet files against the same table as a frame, and what is refused of one."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from tests.data.helpers import assert_same, read_frame
from tests.helpers import refusal

OPTIONS = {
    "past": ("load",),
    "static": ({"land": {"encoding": "one_hot"}},),
    "frequency": "D",
    "sort": True,
}


def made_frame():
    """Three series with a gap, empty cells, and a category."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["b", "007", "a"], 6),
            "ds": np.tile(pd.date_range("2024-01-01", periods=6), 3),
            "y": rng.normal(size=18).round(3),
            "load": np.where(np.arange(18) % 5 == 2, np.nan, np.arange(18.0)),
            "land": np.repeat(["x", "y", "x"], 6),
        }
    )
    return frame.drop(index=[3, 9]).reset_index(drop=True)


def plain(frame, folder):
    for number, first in enumerate(range(0, len(frame), 7)):
        frame[first : first + 7].to_parquet(folder / f"part-{number}.parquet", index=False)


def hive(frame, folder):
    frame.to_parquet(folder, index=False, partition_cols=["land", "unique_id"])


@pytest.mark.parametrize("write", [plain, hive])
def test_a_folder_is_read_as_the_frame(tmp_path, write):
    frame = made_frame()
    write(frame, tmp_path)
    found = read_panel(DataConfig(path=str(tmp_path), **OPTIONS))
    expected = read_frame(frame, **OPTIONS)
    order = np.array([found.ids.index(name) for name in expected.ids])
    assert_same(found.select(order), expected, lines=False)
    assert found.source == str(tmp_path)
    assert found.place(0).endswith(".parquet row 0")
    assert found.place(0).startswith(str(tmp_path / "part-0" if write is plain else tmp_path))


def test_whole_numbers_in_names_of_folders_are_integers_unless_one_is_not(tmp_path):
    frame = pd.DataFrame({"unique_id": [2, 2, 10, 10], "ds": [1, 2, 1, 2], "y": 1.0})
    frame.to_parquet(tmp_path, index=False, partition_cols=["unique_id"])
    config = DataConfig(path=str(tmp_path), frequency=1)
    panel = read_panel(config)
    assert panel.integer_ids == (True,)
    assert panel.ids == ("2", "10")
    (tmp_path / "unique_id=2").rename(tmp_path / "unique_id=02")
    assert read_panel(config).integer_ids == (False,)


def changed(frame, **columns):
    return frame.astype(dict.fromkeys(columns, object)).assign(**columns)


BASE = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "y": [1.0, 2.0, 3.0]})
LATER = BASE.assign(ds=BASE.ds + pd.Timedelta(days=3))
REFUSED = {
    "text": (
        changed(LATER, y=["1", "two", "3"]),
        "/b.parquet row 1: column 'y' holds 'two', not a number; mend the cell, or leave it empty"
        " and set data.missing",
    ),
    "no column": (LATER.drop(columns="y"), "/b.parquet: no column 'y'; known: ds"),
    "again": (
        BASE[:1],
        "/b.parquet row 0: column 'ds': 2024-01-01 00:00:00 comes after 2024-01-03 00:00:00; sort"
        " the rows by time, set data.sort: true, or name the column of series in data.id, or set"
        " data.timezone if times are local",
    ),
    "texts": (
        LATER.assign(ds=LATER.ds.astype(str)),
        "/a.parquet: column 'ds' is of another type in other files of the folder; write dates"
        " alone, or texts alone",
    ),
}


@pytest.mark.parametrize(("second", "message"), REFUSED.values(), ids=REFUSED)
def test_a_message_names_the_file_and_the_row_in_it(tmp_path, second, message):
    BASE.to_parquet(tmp_path / "a.parquet", index=False)
    second.to_parquet(tmp_path / "b.parquet", index=False)
    found = refusal(read_panel, DataConfig(path=str(tmp_path), frequency="D"))
    assert found == f"{tmp_path}{message}"


def test_a_folder_of_no_rows_is_refused(tmp_path):
    BASE[:0].to_parquet(tmp_path / "a.parquet", index=False)
    assert refusal(read_panel, DataConfig(path=str(tmp_path))) == (
        f"{tmp_path}: no rows below the header; add one row a time step"
    )
