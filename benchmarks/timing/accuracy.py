"""Seconds from the start of a process until its model's error on ETTh1's test part is known."""

from collections.abc import Iterator, Sequence
from statistics import median

from timing.processes import Settings, ours, theirs, timed
from timing.tables import seconds, table, whole

GOAL = 0.370
MODELS = ("DLinear", "NHITS", "PatchTST")
MOST_STEPS = 1000
QUICK = (
    "split.validation=200",
    "split.test=200",
    "window.lookback=48",
    "model.hidden_size=8",
    "model.embedding_size=8",
    "training.max_steps=2",
    "training.precision=float32",  # which every machine computes
)


def commands(settings: Settings, seed: int) -> dict[str, list[str]]:
    """By name, what trains a model from a seed and prints its error."""
    overrides = [f"seed={100 * seed}", *(QUICK if settings.is_quick else ())]
    found = {"ours": ours("etth1_ours.py", settings.data, settings.config, *overrides)}
    if settings.peers:
        steps = 2 if settings.is_quick else MOST_STEPS
        for name in MODELS:
            script = "etth1_neuralforecast.py"
            found[name] = theirs(settings, script, settings.data, name, steps, seed + 1)
    return found


def row(name: str, runs: Sequence[tuple[float, str]]) -> list[str]:
    """Median and range of the errors, median of the seconds, and how many runs were good enough."""
    errors = [float(error) for _, error in runs]
    reached = sum(error <= GOAL for error in errors)
    spread = f"{median(errors):.4f} ({min(errors):.4f}-{max(errors):.4f})"
    taken = seconds(median(taken for taken, _ in runs))
    return [name, spread, taken, f"{reached} of {whole(len(runs))}"]


def part(settings: Settings) -> Iterator[str]:
    """Lines of the results."""
    yield "ETTh1, 96 hours ahead, from the start of a process to the error on the test part, a"
    yield f"seed a round. Ours is `{settings.config}`, the others are neuralforecast's."
    yield settings.left_out
    if settings.is_made and not settings.is_quick:
        yield "Left out: --data has no ETTh1.csv.\n"
        return
    runs: dict[str, list[tuple[float, str]]] = {name: [] for name in commands(settings, 0)}
    for seed in range(settings.rounds):
        for name, command in commands(settings, seed).items():
            runs[name].append(timed(command))
    head = ["", "MSE (range)", "seconds", f"MSE <= {GOAL:.3f}"]
    yield from table(head, [row(name, each) for name, each in runs.items()])
