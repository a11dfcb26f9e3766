"""The table of attacks, and how one is run."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz import (
    callers,
    configs,
    damage,
    environments,
    forecasters,
    foreign_files,
    hostile_models,
    hours,
    inverses,
    kills,
    labels,
    leakage,
    loading,
    long_runs,
    marks,
    names,
    pairs,
    paths,
    proposals,
    resumes,
    seeds,
    starts,
    streams,
    tables,
    units,
    writes,
)
from fuzz.material import Material, make, without_pictures
from fuzz.processes import SERVER

Check = Callable[[int, Material, Path], str | None]
Show = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """A promise and one way of attacking it."""

    promise: int
    """Its number in SECURITY.md."""
    attack: str
    size: int
    """Attempts of the whole run; 0: as many as there are calls that may fail."""
    check: Check
    """What went wrong in the attempt of a number; None: nothing."""
    starts_processes: bool = False
    """Whether it is run from a thread, because it starts processes of its own."""


ROWS = (
    Row(1, "crafted and mutated files, under an audit hook", 10_000, loading.check),
    Row(1, "tables named like addresses, beside an old fsspec", paths.SIZE, paths.check),
    Row(2, "every write, sync and rename fails in turn", 0, writes.check),
    Row(2, "kill -9 while training and saving", 200, kills.check, True),
    Row(2, "writes fail while a run is replaced", 200, writes.check_replaced),
    Row(2, "links, pipes and files of others in run folders", 400, foreign_files.check),
    Row(3, "interrupted within and between epochs, and resumed", 100, resumes.check),
    Row(4, "bits flipped in checkpoints, checkpoints cut off", 4_000, damage.check),
    Row(5, "other values after the training rows, by part", 300, leakage.check),
    Row(6, "chains of transforms undone, 100 examples each", 100, inverses.check),
    Row(6, "panels with constant series in other units", 120, units.check),
    Row(
        7, "fresh processes that hash otherwise, with other threads", 20, seeds.check_process, True
    ),
    Row(7, "random states of the caller", 20, seeds.check_caller),
    Row(8, "changed tables", 10_000, tables.check),
    Row(8, "well-signed hostile models", 4_000, hostile_models.check),
    Row(8, "labels in changed tables and hostile models", 600, labels.check),
    Row(8, "marks at numbers, as they are configured and found", 2_000, marks.check),
    Row(8, "series that two or three columns name", 400, pairs.check),
    Row(8, "an hourly table with one fault", 420, hours.check),
    Row(8, "odd tables in odd files, proposed a configuration", 400, proposals.check),
    Row(9, "changed and generated configurations", 10_000, configs.check),
    Row(
        10,
        f"models and losses against {len(forecasters.RULES)} rules",
        len(forecasters.COMBINATIONS),
        forecasters.check,
    ),
    Row(11, "two starts at once", 50, starts.check_double, True),
    Row(11, "SIGTERM and Ctrl-C within an epoch", 12, starts.check_signal, True),
    Row(11, "SIGTERM, Ctrl-C or hang-up at any moment", 50, starts.check_any_moment, True),
    Row(12, "losses that are no numbers", 200, long_runs.check_divergence),
    Row(12, "memory over 1,000 epochs", 8, long_runs.check_memory),
    Row(13, "settings of the caller, and calls in threads", 60, callers.check),
    Row(13, "switches of libraries, files in the folder", 24, environments.check, True),
    Row(14, "streams closed, full or read no more", 120, streams.check),
    Row(14, "hostile names of series and columns", 400, names.check),
)


@dataclass(frozen=True)
class Outcome:
    """What came of an attack."""

    row: Row
    attempts: int
    faults: list[tuple[int, str]]
    """Number of the attempt, which repeats it, and what went wrong."""
    seconds: float


@dataclass(frozen=True)
class Pool:
    """Who runs attacks, and on what."""

    material: Material
    processes: ProcessPoolExecutor
    threads: ThreadPoolExecutor
    scratch: Path


@contextlib.contextmanager
def opened(folder: Path, workers: int) -> Iterator[Pool]:
    """A pool over material that is made in a folder."""
    (folder / "scratch").mkdir()
    with (
        ProcessPoolExecutor(workers, SERVER, _begin) as processes,
        ThreadPoolExecutor(workers) as threads,
    ):
        material = processes.submit(make, folder / "material").result()
        yield Pool(material, processes, threads, folder / "scratch")


def attack(row: Row, pool: Pool, share: float = 1.0, show: Show = lambda *_: None) -> Outcome:
    """Attempt a share of a row's attacks, evenly spread over its numbers.

    Args:
        row: the attack.
        pool: who runs it.
        share: of its attempts.
        show: is told how many attempts are done, and of how many.
    """
    began = time.monotonic()
    size = row.size or pool.processes.submit(writes.how_many, pool.scratch).result()
    count = math.ceil(size * share)
    numbers = [number * size // count for number in range(count)]
    if row.check in (kills.check, starts.check_any_moment):
        kills.whole(pool.material.folder)
    runner = pool.threads if row.starts_processes else pool.processes
    chunk = 1 if row.starts_processes else max(1, min(50, count // 20))
    jobs = [
        runner.submit(_attempt, row.check, numbers[i : i + chunk], pool.material, pool.scratch)
        for i in range(0, count, chunk)
    ]
    faults = []
    for done, job in enumerate(jobs, 1):
        faults += job.result()
        show(min(done * chunk, count), count)
    return Outcome(row, count, faults, time.monotonic() - began)


def _begin() -> None:
    import torch

    torch.set_num_threads(1)
    without_pictures()


def _attempt(
    check: Check, numbers: list[int], material: Material, parent: Path
) -> list[tuple[int, str]]:
    with tempfile.TemporaryDirectory(dir=parent) as scratch:
        tried = [(number, check(number, material, Path(scratch))) for number in numbers]
    return [(number, fault) for number, fault in tried if fault]
