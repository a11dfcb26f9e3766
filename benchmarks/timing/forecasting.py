"""Series and windows a second when forecasting, and one series, cold and warm."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from timing.processes import Settings, Worker, ours, seconds_of, theirs, workers
from timing.startup import predict_command
from timing.tables import ratio, seconds, table, whole

SERIES, QUICK_SERIES = 10_000, 50
LIBRARY = "neuralforecast"


def rounds_of(started: Mapping[str, Worker], rounds: int) -> dict[str, list[float]]:
    """Answers of workers, interleaved, after an uncounted one of each."""
    for worker in started.values():
        worker.ask()
    found: dict[str, list[float]] = {name: [] for name in started}
    for _ in range(rounds):
        for name, worker in started.items():
            found[name].append(worker.ask())
    return found


def both(settings: Settings, script: str, argument: object) -> dict[str, list[float]]:
    """What `SCRIPT_ours.py` and `SCRIPT_neuralforecast.py` measure."""
    commands = {"ours": ours(f"{script}_ours.py", argument)}
    if settings.peers:
        commands[LIBRARY] = theirs(settings, f"{script}_{LIBRARY}.py", argument)
    with workers(commands) as started:
        return rounds_of(started, settings.rounds)


def cold(settings: Settings) -> dict[str, list[float]]:
    """Seconds of `forecast predict`, a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {"ours, cold": predict_command(Path(folder))}
        return seconds_of(commands, settings)


def part(settings: Settings) -> Iterator[str]:
    """Lines of the results."""
    series = QUICK_SERIES if settings.is_quick else SERIES
    yield "Forecasting 24 steps from 96: a panel, from a frame in memory to a frame in memory; all"
    yield "windows of ETTh1's OT, in its units; one series, by a warm process or by the command."
    yield settings.left_out
    panel = {
        name: [series / each for each in times]
        for name, times in both(settings, "panel", series).items()
    }
    yield from rate_table(f"{whole(series)} series, series/s", panel)
    yield from rate_table("all windows, windows/s", both(settings, "windows", settings.data))
    warm = {f"{name}, warm": times for name, times in both(settings, "panel", 1).items()}
    rows = [[name, seconds(median(times))] for name, times in (warm | cold(settings)).items()]
    yield from table(["one series", "seconds"], rows)


def rate_table(title: str, rates: Mapping[str, list[float]]) -> list[str]:
    """Medians, and what they are to the peer's."""
    rows = []
    for name, each in rates.items():
        shown = f"{ratio(each, rates[LIBRARY]):.2f}" if LIBRARY in rates else "-"
        rows.append([name, whole(median(each)), shown])
    return table(["", title, f"x {LIBRARY}"], rows)
