"""Processes of gloo for tests: forked, because importing torch anew would take seconds each."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecast.distributed.environment import file_store
from forecast.distributed.gloo import connected
from forecast.distributed.helpers import Helpers
from forecast.training.ranks import ONE_PROCESS, Ranks

FORK = multiprocessing.get_context("fork")
SECONDS = 20.0


def in_processes(
    size: int, work: Callable[[Ranks], Any], folder: Path, seconds: float = SECONDS
) -> list[Any]:
    """What a function gives in each of some processes, by rank; an error as its text."""
    if size == 1:
        return [work(ONE_PROCESS)]
    place = str(folder / f"store-{size}")

    def run(rank: int, answer) -> None:
        try:
            answer.send(
                work(connected(file_store(place, size), rank, size, seconds, is_local=True))
            )
        except Exception as error:
            answer.send(f"{type(error).__name__}: {error}")

    pipes = [FORK.Pipe(duplex=False) for _ in range(size)]
    processes = [FORK.Process(target=run, args=(n, pipes[n][1])) for n in range(size)]
    for process in processes:
        process.start()
    for _, answer in pipes:
        answer.close()
    try:
        return [_answer(pipe) for pipe, _ in pipes]
    finally:
        for process in processes:
            process.join(seconds)
            process.kill()


def _answer(pipe) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        return "no answer"


def helpers_started(monkeypatch):
    """A list to which all helpers are added that are started from now on."""
    found, begin = [], Helpers.__init__

    def started(self, size):
        begin(self, size)
        found.append(self)

    monkeypatch.setattr(Helpers, "__init__", started)
    return found
