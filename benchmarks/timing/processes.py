"""Processes that are timed: whole commands, and workers that measure when they are asked to."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SCRIPTS = Path(__file__).parents[1] / "peers"


@dataclass(frozen=True)
class Settings:
    """What to measure, and how often."""

    data: Path
    """Folder of ETTh1.csv."""
    is_made: bool
    """Whether that file is a made series, good for times alone."""
    peers: str | None
    """Interpreter of the peers' environment; None: peers are left out."""
    rounds: int
    is_quick: bool
    """Sizes that only show that everything runs."""
    config: str
    """Configuration that is timed until its test error is known."""
    batches: tuple[int, ...] = ()
    """Batch sizes of the training part; empty: all."""
    device: str = "cpu"
    """Where the training part trains: cpu or cuda."""

    @property
    def left_out(self) -> str:
        """One line about peers that are not measured."""
        why = "No peers: --peers names the interpreter of their environment.\n"
        return "" if self.peers else why


class FailedError(Exception):
    """A process that gave no number; its message has the last line on its stderr."""


@dataclass(frozen=True)
class Worker:
    """A process of `benchmarks/peers`: a line of numbers in, one number out."""

    process: subprocess.Popen[str]
    errors: IO[str]
    """What it prints beside its answers."""

    def ask(self, *numbers: int) -> float:
        """One measurement."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, numbers)) + "\n")
        return float(self.answer())

    def answer(self) -> str:
        """Its next line; the first one says that it is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise FailedError(f"{self.process.args}: {last_line(self.errors.read())}")
        return line


@contextmanager
def workers(commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Worker]]:
    """Workers that are ready, all at once: while one measures, the others wait for a line."""
    with ExitStack() as stack:
        started = {name: stack.enter_context(worker(each)) for name, each in commands.items()}
        for each in started.values():
            each.answer()
        yield started


@contextmanager
def worker(command: Sequence[str]) -> Iterator[Worker]:
    """A worker that ends with the block."""
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, bufsize=1
        ) as process,
    ):
        yield Worker(process, errors)


def ours(script: str, *arguments: object) -> list[str]:
    """A command that runs a script of `benchmarks/peers` beside this project."""
    return [sys.executable, str(SCRIPTS / script), *map(str, arguments)]


def theirs(settings: Settings, script: str, *arguments: object) -> list[str]:
    """The same in the peers' environment."""
    assert settings.peers is not None
    return [settings.peers, str(SCRIPTS / script), *map(str, arguments)]


def timed(command: Sequence[str]) -> tuple[float, str]:
    """Seconds from the start of a process to its end, and the last line that it printed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise FailedError(f"{command}: {last_line(done.stderr)}")
    return seconds, last_line(done.stdout)


def last_line(text: str) -> str:
    """The last line of a text, or nothing."""
    return text.strip().rpartition("\n")[2]


def seconds_of(commands: Mapping[str, Sequence[str]], settings: Settings) -> dict[str, list[float]]:
    """Seconds of whole processes, interleaved; a first run of each, uncounted, fills the caches."""
    for command in () if settings.is_quick else commands.values():
        timed(command)
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(settings.rounds):
        for name, command in commands.items():
            found[name].append(timed(command)[0])
    return found
