"""Windows a second in training: ours, each peer, the bare loop and the kernel alone."""

import os
from collections.abc import Iterator
from statistics import median

import torch

from forecast.errors import DeviceError
from forecast.training.device import require_precision
from timing.processes import Settings, Worker, ours, theirs, workers
from timing.tables import best, ratio, table, whole

BATCHES, QUICK_BATCHES = (8, 32, 256, 1024), (8,)
SECONDS = 1.0
"""What one measurement should take."""
FEWEST_STEPS, QUICK_STEPS = 8, 4
PEERS = ("neuralforecast", "darts", "pytorch_forecasting", "gluonts")
GPU_PEERS = ("neuralforecast", "darts")
"""Which were measured on a GPU."""
KERNEL, KEPT, GRAPHED, LOOP = "kernel", "kept", "graphed", "loop"
"""The network alone; the same with the allocator's memory kept between steps, or on a GPU as one
CUDA graph, as ours has it: the fair limit; and the barest loop."""

Rates = dict[str, list[float]]
"""By name, a rate for each round."""


def is_computed(precision: str, device: str) -> bool:
    """Whether a device of this machine computes an LSTM in a precision."""
    try:
        require_precision(torch.device(device), precision)
    except DeviceError:
        return False
    return True


def contestants(settings: Settings) -> dict[str, list[str]]:
    """By name, the command of its worker."""
    data, device = settings.data, settings.device
    commands = {
        f"ours, {precision}": ours("lstm_ours.py", data, device, precision)
        for precision in ("float32", "bf16")
        if is_computed(precision, device)
    }
    limit, threads = (KEPT, {1, os.cpu_count() or 1}) if device == "cpu" else (GRAPHED, {1})
    for part in (LOOP, KERNEL, limit):
        for count in sorted(threads):
            name = f"{part}, {count} thread{'s' * (count > 1)}"
            commands[name] = ours("lstm_kernel.py", data, device, part, count)
    if settings.peers:
        for peer in PEERS if device == "cpu" else GPU_PEERS:
            commands[peer] = theirs(settings, f"lstm_{peer}.py", data, device)
    return commands


def rates_of(started: dict[str, Worker], batch: int, settings: Settings) -> Rates:
    """Windows a second, round by round, after a first one that says how many steps to take."""
    steps = dict.fromkeys(started, QUICK_STEPS if settings.is_quick else FEWEST_STEPS)
    if not settings.is_quick:
        for name, worker in started.items():
            rate = worker.ask(batch, FEWEST_STEPS)
            steps[name] = max(FEWEST_STEPS, int(rate * SECONDS / batch))
    rates: Rates = {name: [] for name in started}
    for _ in range(settings.rounds):
        for name, worker in started.items():
            rates[name].append(worker.ask(batch, steps[name]))
    return rates


def rivals(rates: Rates) -> tuple[str, str, str | None]:
    """Names of the faster kernel, of the fair limit, and of the best peer, if there is one."""
    peers = {name: rates[name] for name in PEERS if name in rates}
    kernels, limits = (
        {name: each for name, each in rates.items() if name.startswith(parts)}
        for parts in (KERNEL, (KEPT, GRAPHED))
    )
    return best(kernels), best(limits), best(peers) if peers else None


def part(settings: Settings) -> Iterator[str]:
    """Lines of the results."""
    yield "Windows a second in training: 2 layers of 64, lookback 96, horizon 24, ETTh1's OT."
    yield "Peers: neuralforecast's LSTM, darts' BlockRNNModel, pytorch-forecasting's"
    yield "RecurrentNetwork, and gluonts' DeepAR, which learns a distribution, so does more work."
    yield settings.left_out
    batches = QUICK_BATCHES if settings.is_quick else settings.batches or BATCHES
    with workers(contestants(settings)) as started:
        found = {batch: rates_of(started, batch, settings) for batch in batches}
    yield from tables(found)


def tables(found: dict[int, Rates]) -> Iterator[str]:
    """A table of rates, and of ratios to the kernel, to the fair limit and to the best peer."""
    names, columns = list(next(iter(found.values()))), [f"batch {batch}" for batch in found]
    rows = [[name, *(whole(median(found[b][name])) for b in found)] for name in names]
    yield from table(["windows/s", *columns], rows)
    for number, title in enumerate(("kernel", "fair limit", "best peer")):
        others = {batch: rivals(rates)[number] for batch, rates in found.items()}
        if None in others.values():
            continue
        rows = [["(which)", *map(str, others.values())]]
        for name in names:
            ratios = [ratio(found[b][name], found[b][str(others[b])]) for b in found]
            rows.append([name, *(f"{each:.2f}" for each in ratios)])
        yield from table([f"x {title}", *columns], rows)
