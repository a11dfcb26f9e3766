"""Addresses: read where the command line names them, and a name like any other elsewhere."""

import sys

import numpy as np
import pandas as pd
import pytest

from forecast.cli.main import main
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.tables import limits, remote
from forecast.tables.parts import files_of, is_folder, parts_of, version_of
from forecast.tables.remote import is_address, name_address
from tests.helpers import refusal

FRAME = pd.DataFrame(
    {
        "unique_id": np.repeat(["a", "b"], 5),
        "ds": np.tile(pd.date_range("2024-01-01", periods=5), 2),
        "y": np.arange(10.0),
    }
)


@pytest.fixture
def store(monkeypatch):
    """Writes files to a file system in memory; nothing is named yet."""
    monkeypatch.setattr(remote, "_named", set())
    fsspec = pytest.importorskip("fsspec", reason="pip install fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    return lambda path, content: system.pipe(path, content)


def test_what_an_address_is():
    for text in ("s3://bucket/folder/a=1/x.parquet", "gs://b", "memory://x"):
        assert is_address(text)
    for text in ("http://x/y.csv", "reference://x::s3://y", "s3:/x", "data.csv", "file:///x"):
        assert not is_address(text)


def test_an_address_that_is_not_named_sends_no_request(store, monkeypatch):
    store("/t/x.csv", FRAME.to_csv(index=False).encode())
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it fails
    message = refusal(read_panel, DataConfig(path="memory://t/x.csv"))
    assert message == (
        "memory://t/x.csv: an address is read where the command line names it (data.path=... or"
        " --data ...); in Python give the table that pandas reads from it; check data.path"
    )
    name_address("memory://t/x.csv")
    assert "install fsspec and its file system" in refusal(
        read_panel, DataConfig(path="memory://t/x.csv")
    )


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_file_that_was_named(store, tmp_path, suffix):
    local = tmp_path / f"x{suffix}"
    FRAME.to_parquet(local) if suffix == ".parquet" else FRAME.to_csv(local, index=False)
    store(f"/t/x{suffix}", local.read_bytes())
    name_address(address := f"memory://t/x{suffix}")
    panel = read_panel(DataConfig(path=address))
    assert panel.values[:, 0].tolist() == FRAME.y.tolist()
    assert panel.place(3).startswith(address)


def test_a_folder_that_was_named(store):
    for name in ("a", "b"):
        rows = FRAME[FRAME.unique_id == name].drop(columns="unique_id")
        store(f"/t/unique_id={name}/x.parquet", rows.to_parquet())
    store("/t/_SUCCESS", b"")
    name_address("memory://t")
    assert is_folder("memory://t")
    assert files_of("memory://t") == ["unique_id=a/x.parquet", "unique_id=b/x.parquet"]
    panel = read_panel(DataConfig(path="memory://t"))
    assert panel.ids == ("a", "b")
    assert panel.values[:, 0].tolist() == FRAME.y.tolist()
    assert panel.place(5) == "memory://t/unique_id=b/x.parquet row 0"
    first = version_of("memory://t", "unique_id=a/x.parquet")
    store("/t/unique_id=a/x.parquet", FRAME.to_parquet())
    assert version_of("memory://t", "unique_id=a/x.parquet") != first


def test_what_is_not_there_or_too_large_is_one_line(store, monkeypatch):
    name_address("memory://t/none.csv")
    message = refusal(read_panel, DataConfig(path="memory://t/none.csv"))
    assert message.startswith("memory://t/none.csv: FileNotFoundError: ")
    store("/t/x.parquet", b"content")
    name_address("memory://t")
    monkeypatch.setattr(remote, "MOST_FETCHED", 6)
    with parts_of("memory://t", ["x.parquet"]) as (part,), pytest.raises(ValueError, match="more"):
        part.opened().__enter__()
    assert limits.MOST_FETCHED > 2**30


def test_only_words_of_the_command_line_name_addresses(store, tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text("data: {path: 'memory://t/x.csv'}\n")
    store("/t/x.csv", FRAME.to_csv(index=False).encode())
    assert main(["check", str(config)]) == 3
    assert "an address is read where" not in capsys.readouterr().err.replace("\n", "")
    assert main(["check", str(config), "data.path=memory://t/x.csv", "--quiet"]) in (0, 2, 3)
    assert remote.is_named("memory://t/x.csv")
