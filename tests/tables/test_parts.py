"""Which files of a folder are a table, and what the names of folders say."""

import os

import pytest

from forecast.tables import parts
from forecast.tables.parts import files_of, partition_values, parts_of
from tests.helpers import refusal


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return str(folder)


def test_files_come_in_their_natural_order_without_the_notes_of_writers(tmp_path):
    folder = make(
        tmp_path,
        *("part-10.parquet", "part-2.pq", "_SUCCESS", "._part-2.pq.crc", "b=2/x.PARQUET"),
        *("_temporary/y.parquet", "b=10/x.parquet"),
    )
    assert files_of(folder) == [
        *("b=2/x.PARQUET", "b=10/x.parquet"),
        *("part-2.pq", "part-10.parquet"),
    ]


def test_names_of_folders_are_cells():
    path = "region=north%2Fwest/day=2024-01-01/empty=__HIVE_DEFAULT_PARTITION__/plain/x.pq"
    assert partition_values(path) == {"region": "north/west", "day": "2024-01-01", "empty": None}
    assert partition_values("a=b.parquet") == {}


@pytest.mark.parametrize("is_folder", [False, True])
def test_links_are_refused_wherever_they_lead(tmp_path, is_folder):
    outside = make(tmp_path / "outside", "x.parquet")
    folder = make(tmp_path / "table", "a.parquet")
    (tmp_path / "table" / "b.parquet").symlink_to(
        outside if is_folder else f"{outside}/x.parquet", target_is_directory=is_folder
    )
    assert refusal(files_of, folder) == (
        f"{folder}/b.parquet: is a link; put the file itself into the folder"
    )


def test_other_files_and_no_files_are_refused(tmp_path, monkeypatch):
    folder = make(tmp_path / "a", "x.parquet", "notes.txt")
    assert refusal(files_of, folder) == (
        f"{folder}/notes.txt: is no Parquet file; take it out of the folder"
    )
    empty = make(tmp_path / "b", "_SUCCESS")
    assert refusal(files_of, empty) == (
        f"{empty}: is a folder without a Parquet file (.parquet or .pq)"
    )
    monkeypatch.setattr(parts, "MOST_FILES", 1)
    many = make(tmp_path / "c", "x.parquet", "y.parquet")
    assert refusal(files_of, many) == f"{many}: holds more than 1 files; join some of them"


def test_a_file_that_becomes_another_or_a_link_is_refused(tmp_path):
    folder = make(tmp_path, "x.parquet")
    with parts_of(folder, ["x.parquet"]) as (part,), part.opened() as file:
        assert file.name == f"{folder}/x.parquet"
    (tmp_path / "x.parquet").write_bytes(b"longer")
    with pytest.raises(ValueError, match="was written while it was read"), part.opened():
        pass
    os.remove(tmp_path / "x.parquet")
    (tmp_path / "x.parquet").symlink_to(__file__)
    with pytest.raises(ValueError, match=r"x\.parquet: "), part.opened():
        pass
