"""What is printed: tables for people, and one line on stderr where something went wrong."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

PRINTED_METRICS = ("MAE", "RMSE", "sMAPE", "MASE", "RMSSE", "R2", "bias")
"""Of all that `--json` has, for a table of 100 columns."""

MOST_TARGETS = 6
"""Targets whose errors are printed after training."""


def training_report(summary: dict[str, Any], folder: Any) -> str:
    """Scores, verdict and files of a training."""
    lines = []
    metrics = summary.get("metrics", {})
    if metrics:
        lines.append(f"{'test':16}" + "".join(f"{name:>11}" for name in PRINTED_METRICS))
        for method, values in metrics.items():
            cells = [f"{values[name]:.4g}" for name in PRINTED_METRICS]
            lines.append(f"{method:16}" + "".join(f"{cell:>11}" for cell in cells))
        lines += _errors_by_target(summary)
    lines += _coverage(summary)
    made = [folder / name for name in ("forecast.csv", "forecast.png", "learning_curve.png")]
    files = ", ".join(str(path) for path in made if path.exists())
    return "\n".join([*lines, summary["verdict"], f"forecast: {files}", f"run: {folder}"])


def _errors_by_target(summary: dict[str, Any]) -> list[str]:
    """One line for several targets, none for one."""
    best = summary["best_opponent"]
    model, other = (summary["mae_by_target"][method] for method in (summary["model"], best))
    if len(model) == 1:
        return []
    pairs = [f"{name} {model[name]:.4g} ({other[name]:.4g})" for name in model]
    more = ", ..." if len(pairs) > MOST_TARGETS else ""
    listed = f"{', '.join(pairs[:MOST_TARGETS])}{more}"
    return [f"{'MAE by target':16}    {listed}; in brackets: {best}"]


def _coverage(summary: dict[str, Any]) -> list[str]:
    """One line on the intervals as `forecast predict` makes them; none without any."""
    kinds = summary.get("coverage", {})
    for kind in ("quantile", "rolling"):
        (level, share), *others = [*kinds.get(kind, {}).items()] or [(None, 0.0)]
        more = "".join(f", {name} %: {100 * value:.1f} %" for name, value in others)
        if level:
            return [f"{level} % intervals cover {100 * share:.1f} % of the test values{more}"]
    return []


def lr_report(found: Any, folder: Any, written: str | None) -> str:
    """The rate of each rule, and what to do with it."""
    seeds = f"({len(found.sweeps)} seed{'s' * (len(found.sweeps) > 1)})"
    lines = [f"{'rule':18}{'rate':>10}{'lowest':>10}{'highest':>10}   {seeds}"]
    for rule, rate in found.rates.items():
        each = [s.suggestions[rule] for s in found.sweeps if rule in s.suggestions]
        cells = [rate, min(each), max(each)] if rate else [None] * 3
        row = "".join(f"{'-' if cell is None else f'{cell:.3g}':>10}" for cell in cells)
        chosen = "   <- training.lr_range.rule" if rule == found.rule else ""
        lines.append(f"{rule:18}{row}{chosen}")
    lines.append(f"curve: {folder}/lr_range.png, {folder}/lr_range.csv")
    if found.rate is None:
        lines.append(f"{found.why_none}{f'; {written} is not written' if written else ''}.")
    elif written:
        lines.append(f"now run: forecast train {written}")
    else:
        lines.append(f"paste under `training`:\n  learning_rate: {found.rate:g}")
    return "\n".join(lines)


def say(message: str, code: int) -> int:
    """One line on stderr; gives the exit code back."""
    with contextlib.suppress(OSError, ValueError):  # the terminal is closed
        print(f"forecast: {message}", file=sys.stderr)
    return code
