"""THE STORY of a study, top to bottom: read the table once, search, write the results."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from forecast.config.tree import Config
from forecast.data.assemble import read_panel
from forecast.errors import ConfigError, as_path
from forecast.runs.files import leftovers
from forecast.runs.foreign import is_there, refuse_foreign, refuse_input
from forecast.runs.lock import LOCK_FILE, locked_folder
from forecast.tables.frames import AnyTable
from forecast.training.device import choose_device
from forecast.tuning.objective import Basis, basis_of
from forecast.tuning.results import JOURNAL_FILE, STUDY_FILES, write_pictures, write_tables
from forecast.tuning.runners import InProcess, Runner
from forecast.tuning.search import Limits, SearchProgress, search
from forecast.tuning.study import PrunerName, Row, Study

MakeRunner = Callable[[Basis], Runner]


@dataclass(frozen=True)
class StudyResult:
    """The result of a study."""

    metric: str
    best: Row
    start: Row | None
    """The trial that was the configuration as it is; None: there is none that was complete."""
    rows: tuple[Row, ...]
    pictures: tuple[str, ...]


def tune(
    config: Config,
    folder: Path,
    limits: Limits,
    pruner: PrunerName = "median",
    runner: MakeRunner = InProcess,
    table: AnyTable | None = None,
) -> Generator[SearchProgress, None, StudyResult]:
    """Search for a better configuration, from the beginning or where a search stopped.

    Args:
        config: where it begins, and in `tune` what is searched.
        folder: of the study, for this process alone.
        limits: when it ends.
        pruner: which trials are ended early.
        runner: makes what carries trials out.
        table: in place of the file at `data.path`; only `InProcess` can carry out trials on it.

    Yields:
        Where it is.

    Returns:
        The best trial, and all of them.

    Raises:
        ConfigError, DataError, DeviceError: if the configuration or the table do not allow it, or
            no trial came to a score.
    """
    choose_device(config.device)  # refuses one that is not there
    basis = basis_of(config, read_panel(config.data, table))
    carrier = runner(basis)  # it may refuse, and nothing is written yet
    try:
        study = Study(folder / JOURNAL_FILE, basis, pruner)
    except BaseException:
        carrier.close()
        raise
    with contextlib.closing(study):
        try:
            for progress in search(study, carrier, limits):
                if progress.has_ended:
                    write_tables(study, folder)
                yield progress
        finally:  # what ends it may be Ctrl-C
            write_tables(study, folder)
        pictures = write_pictures(study, folder)
        rows = study.rows()
        if (best := study.best()) is None:
            raise ConfigError(_why_none(rows, limits))
        return StudyResult(basis.metric, best, study.start_row(), tuple(rows), tuple(pictures))


def _why_none(rows: list[Row], limits: Limits) -> str:
    failed = [str(row.facts.get("reason")) for row in rows if row.state == "failed"]
    if failed:
        return f"no trial came to a score; of {len(failed)} that failed the last: {failed[-1]}"
    if limits.until < math.inf:
        return "the time was over before a trial had ended; give more with --minutes"
    return "no trial came to a score"


@contextlib.contextmanager
def study_folder(
    path: Path | str, config_file: Path | str, table: Path | str, is_fresh: bool = False
) -> Iterator[Path]:
    """The folder of a study, for this process alone; a new one is removed if it stays empty.

    Args:
        path: of the folder.
        config_file: that was read; it is not written over.
        table: neither is that.
        is_fresh: whether the folder was only just made for the study.

    Raises:
        ConfigError: if something else is in the folder, or another process is at work in it.
    """
    if "://" in str(path):
        raise ConfigError(
            f"{path} is an address; a study is kept in one folder, where nothing is unpickled;"
            " give one with --output"
        )
    path = as_path(path)
    with locked_folder(path, lambda: _refuse(path, config_file, table), is_fresh):
        for temporary in leftovers(path, STUDY_FILES):
            temporary.unlink(missing_ok=True)
        yield path


def _refuse(path: Path, config_file: Path | str, table: Path | str) -> None:
    remedy = "give another folder with --output"
    if not is_there(path, remedy):
        return
    own = {LOCK_FILE, *(left.name for left in leftovers(path, STUDY_FILES))}
    names = {file.name for file in path.iterdir()} - own
    if names and JOURNAL_FILE not in names:
        raise ConfigError(f"{path} is not empty and holds no study; {remedy}")
    refuse_foreign(path, STUDY_FILES)
    for name in STUDY_FILES:
        refuse_input(path / name, config_file, "the configuration")
        refuse_input(path / name, table, "the table")
