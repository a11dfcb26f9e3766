"""Compressed tables are read as what is in them; what is no text is refused for what it is."""

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecast.tables import unpack
from tests.helpers import refusal
from tests.init.looking import read_any
from tests.tables.helpers import read_file, write

ROWS = [f"2024-01-{day:02},{day * 1.5}" for day in range(1, 29)]
TEXT = "\n".join(["ds,y", *ROWS, ""]).encode()


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return content.getvalue()


PACKED = {
    "zip": zipped("tables/", "tables/table.csv", "__MACOSX/tables/._table.csv"),
    "gzip": gzip.compress(TEXT),
    "zstd": pa.compress(TEXT, "zstd", asbytes=True),
    "bz2": bz2.compress(TEXT),
    "two members": gzip.compress(TEXT[:40]) + gzip.compress(TEXT[40:]),
    "UTF-16": codecs.BOM_UTF16_LE + TEXT.decode().encode("utf-16-le"),
    "UTF-16, the other way round": codecs.BOM_UTF16_BE + TEXT.decode().encode("utf-16-be"),
}


@pytest.mark.parametrize("chunk", [7, 2**20])
@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_a_compressed_table_is_read_everywhere(tmp_path, content, chunk):
    path = write(tmp_path, content, "table.csv.gz")
    with mock.patch.object(unpack, "CHUNK", chunk):
        table = read_file(path)
        np.testing.assert_array_equal(table.frame["y"], np.arange(1, 29) * 1.5)
        assert table.place(3) == f"{path}:5"
        assert read_any(path)[0]["y"].tolist() == table.frame["y"].tolist()


def test_text_that_only_begins_like_utf16_is_refused(tmp_path):
    path = write(tmp_path, codecs.BOM_UTF16_LE + TEXT.decode().encode("utf-16-le") + b"x")
    said = "is no UTF-16 text, though it begins like it; save the file as CSV in UTF-8"
    assert refusal(read_file, path) == f"{path}: {said}"


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("table.csv"), io.BytesIO(b""))
    return content.getvalue()


def as_parquet():
    content = io.BytesIO()
    pd.DataFrame({"ds": [1], "y": [2.0]}).to_parquet(content)
    return content.getvalue()


NO_TEXT = {
    "xz": (lzma.compress(TEXT), "is compressed with xz; unpack it"),
    "zip of two": (
        zipped("a.csv", "b.csv"),
        "is a zip archive of 2 files; unpack that of the table",
    ),
    "xlsx": (zipped("[Content_Types].xml", "xl/a.xml"), "is an Excel workbook; save the table as"),
    "empty zip": (zipped(), "is an empty zip archive; write it again"),
    "damaged zip": (zipped("a.csv")[:-30], "damaged zip file: File is not a zip file; write it"),
    "tar": (tarred(), "is a tar archive; unpack it"),
    "parquet": (as_parquet(), "is a Parquet file; give it a name that ends in .parquet"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel workbook; save the table as CSV in"),
    "cut off": (PACKED["gzip"][:-20], "damaged gzip file: Truncated compressed stream; write it"),
    "damaged": (PACKED["zstd"][:9] + b"x" * 9, "damaged zstd file: "),
    "followed by text": (PACKED["gzip"] + b"ds,y", "damaged gzip file: zlib inflate failed"),
}


@pytest.mark.parametrize(("content", "says"), NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_refused_for_what_it_is(tmp_path, content, says):
    path = write(tmp_path, content, "table.csv.gz")
    for read in (read_file, read_any):
        assert refusal(read, path).startswith(f"{path}: {says}")


def test_text_with_the_name_of_an_archive_is_text(tmp_path):
    for suffix in ("gz", "bz2", "xz", "zst", "zip", "tar", "csv"):
        for content in (TEXT, TEXT.replace(b"ds,y", b"BZh9,y")):
            path = write(tmp_path, content, f"table.{suffix}")
            assert len(read_any(path)[0]) == 28


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = write(tmp_path, gzip.compress(bytes(2**24)), "bomb.csv.gz")
    assert (
        refusal(read_any, path) == f"{path}: holds a NUL character, which is no text; take it out"
    )
    path = write(tmp_path, gzip.compress(b"1,1\n" * 2**20), "bomb.csv.gz")
    with mock.patch.object(unpack, "MOST_UNPACKED", 2**20):
        says = f"{path}: holds more than 1048576 bytes; split the table, or unpack the file first"
        assert refusal(read_any, path) == says
        assert refusal(read_file, path) == says
