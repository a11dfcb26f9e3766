"""Atomic writing: the old file or the new one, whole, and nothing else."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.runs.files import append, kind_of, leftovers, write_atomically, write_within

pytestmark = pytest.mark.synced


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=5000) | st.text(st.characters(codec="utf-8"), max_size=200))
def test_content_is_written_as_it_is(content, tmp_path: Path) -> None:
    """Also line ends, which a file opened for text would change on some systems."""
    write_atomically(tmp_path / "file", content)
    expected = content.encode("utf-8") if isinstance(content, str) else content
    assert (tmp_path / "file").read_bytes() == expected
    assert names(tmp_path) == ["file"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old and longer")
    write_atomically(path, "new\r\n")
    assert path.read_bytes() == b"new\r\n"


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("old", [False, True])
def test_permissions_are_those_of_the_umask(umask: int, mode: int, old: bool, tmp_path) -> None:
    path = tmp_path / "file"
    if old:
        path.write_text("old")
    before = os.umask(umask)
    try:
        write_atomically(path, "new")
        assert os.umask(umask) == umask  # unchanged by the writing
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("old", [["file"], []])
@pytest.mark.parametrize("function", ["replace", "fsync", "fchmod", "fdopen"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), OSError(errno.EIO, "Broken"), KeyboardInterrupt()]
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    function, error, old, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "file"
    for name in old:
        (tmp_path / name).write_text("old")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(type(error)) as raised:
            write_atomically(path, "new")
    assert raised.value is error
    assert getattr(error, "filename", str(path)) == str(path), "not that of the temporary file"
    assert names(tmp_path) == old
    assert not old or path.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    fdopen = os.fdopen

    def onto_a_full_disk(handle: int, *arguments):
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, handle)
        os.close(full)
        return fdopen(handle, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", onto_a_full_disk)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            write_atomically(path, b"x" * 10**6)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_file_system_that_cannot_sync_folders_is_no_failure(tmp_path: Path, monkeypatch) -> None:
    """The file itself is synchronised and in place by then; its folder cannot undo that."""
    fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_file_and_folder_are_synchronised_around_the_rename(tmp_path: Path, monkeypatch) -> None:
    """Else a power cut may leave an empty file under the name."""
    events = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(source, target) -> None:
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    write_atomically(tmp_path / "file", "new")
    assert events == ["file", "rename", "folder"]


def test_the_temporary_lies_beside_the_file(tmp_path: Path, monkeypatch) -> None:
    """A rename from another file system, as the temporary folder may be, is no rename."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is not there"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "is not there"))
    sources = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (sources.append(Path(a)), replace(a, b)))
    write_atomically(tmp_path / "file", "new")
    assert [source.parent for source in sources] == [tmp_path]
    assert sources[0].name.startswith(".")
    assert names(tmp_path) == ["file"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "file", "new")
    assert names(tmp_path) == []


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for number in range(20):
        write_atomically(tmp_path / str(number), "new")
    assert len(os.listdir("/dev/fd")) <= before


def test_a_link_stays_a_link_and_its_file_is_written(tmp_path):
    file, link = tmp_path / "folder" / "real.csv", tmp_path / "link.csv"
    file.parent.mkdir()
    file.write_text("old")
    link.symlink_to(file)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link.csv", "real.csv"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout")
def test_standard_output_is_written_to_even_where_it_is_a_file(tmp_path):
    code = "from pathlib import Path; from forecast.runs.files import write_atomically as write\n"
    code += "write(Path('/dev/stdout'), 'text')"
    with (tmp_path / "out.txt").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out.txt").read_text() == "text"
    assert Path("/dev/stdout").is_symlink()


def test_lines_are_added_and_counted_by_nobody_else(tmp_path: Path) -> None:
    append(tmp_path / "log", "one\n")
    append(tmp_path / "log", "zwei ä\nthree\n")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\nzwei ä\nthree\n"


def test_a_line_that_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch) -> None:
    path, write, room = tmp_path / "log", os.write, [3]
    append(path, "one\n")

    def onto_a_full_disk(descriptor, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", onto_a_full_disk)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as raised:
        append(path, "another\n")
    assert raised.value.filename == str(path)
    assert path.read_text() == "one\n"


def test_a_short_write_is_no_full_disk(tmp_path: Path, monkeypatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    append(tmp_path / "log", "zwei ä\nthree\n")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "zwei ä\nthree\n"


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_permissions_is_written_to(tmp_path, monkeypatch, code) -> None:
    def refused(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fchmod", refused)
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("has_links", [True, False])
def test_of_two_writers_of_a_new_file_one_wins(tmp_path, monkeypatch, has_links) -> None:
    def no_links(*_):
        raise OSError(errno.EPERM, "no links")

    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "file"
    write_atomically(path, "first", is_new=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for place in (path, tmp_path / "dangling"):
        with pytest.raises(FileExistsError):
            write_atomically(place, "second", is_new=True)
    assert path.read_text() == "first"
    assert names(tmp_path) == ["dangling", "file"]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_ours_is_written_within_its_folder(tmp_path: Path, kind) -> None:
    outside, path = tmp_path / "outside", tmp_path / "log"
    outside.write_text("precious")
    path.symlink_to(outside) if kind == "link" else os.mkfifo(path)
    assert kind_of(path) == {"link": "a link", "pipe": "a pipe or a device"}[kind]
    with pytest.raises(OSError, match=r"log"):
        append(path, "line")
    write_within(path, "ours")
    assert kind_of(path) == "a file"
    assert (path.read_text(), outside.read_text()) == ("ours", "precious")


def test_a_log_with_a_name_elsewhere_grows_here_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious\n")
    os.link(outside, tmp_path / "log")
    append(tmp_path / "log", "line\n")
    assert (tmp_path / "log").read_text() == "precious\nline\n"
    assert outside.read_text() == "precious\n"


def test_only_the_temporaries_of_ones_own_files_are_left_over(tmp_path: Path, monkeypatch) -> None:
    left = []
    monkeypatch.setattr(os, "replace", lambda source, _: left.append(Path(source).name))
    for name in ("model.safetensors", "mine.csv"):
        write_atomically(tmp_path / name, "x")  # it is killed before it renames
    for name in (".model.safetensors.swp", ".model.safetensors.12345678.tmp.bak", "a.tmp"):
        (tmp_path / name).touch()
    found = leftovers(tmp_path, ["model.safetensors", "missing.csv"])
    assert [path.name for path in found] == left[:1]
