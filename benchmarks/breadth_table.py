"""The table of `benchmarks/breadth.py`: a row a suite, a column a method, and what it comes to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from breadth_scores import owa, pooled

STATISTICAL = {"auto_ets": "AutoETS", "auto_theta": "AutoTheta"}
OURS = ("ours", "ours_alone", "quick")
Line = dict[str, Any]
"""Of results.jsonl: the scores of a method on a table."""
Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Suite -> method -> what `pooled` gives."""


def table_of(lines: Sequence[Line], methods: Sequence[str], minutes: float) -> str:
    """The scores as Markdown, and sentences on what they come to.

    Args:
        lines: of one part, and of one number of minutes.
        methods: the columns; those without any line are left out.
        minutes: what a training was meant to take.
    """
    methods = [name for name in methods if any(line["method"] == name for line in lines)]
    scores: dict[str, dict[str, Any]] = {line["suite"]: {} for line in lines}
    for suite, of_suite in scores.items():
        for name in methods:
            some = [x for x in lines if (x["suite"], x["method"]) == (suite, name)]
            of_suite.update({name: pooled(some)} if some else {})
    held = [name for name in OURS if name in methods]
    heads = ["suite", *methods, *(f"{name}: 80 % hold" for name in held), "seconds of ours"]
    rows = [heads, ["---"] * len(heads)]
    for suite, found in scores.items():
        ratios = [_cell(found.get(name, {}).get("ratio")) for name in methods]
        shares = [_cell(found.get(name, {}).get("coverage"), "{:.1f} %") for name in held]
        rows.append([suite, *ratios, *shares, _span(seconds_of(lines, suite))])
    means = [_cell(geometric_mean(scores, name)) for name in methods]
    shares = [_cell(mean_coverage(scores, name), "{:.1f} %") for name in held]
    rows.append(["**geometric mean**", *means, *shares, ""])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", *_sentences(lines, scores, held, minutes)])


def seconds_of(lines: Sequence[Line], suite: str | None = None) -> list[float]:
    """Seconds of every training, from the configuration to the forecast."""
    of_ours = [line for line in lines if line["method"] == "ours" and "seconds" in line]
    return [line["seconds"] for line in of_ours if suite in (None, line["suite"])]


def geometric_mean(scores: Scores, method: str) -> float | None:
    """Over all suites; None where the method lacks one."""
    ratios = [found[method]["ratio"] for found in scores.values() if method in found]
    return float(np.exp(np.mean(np.log(ratios)))) if len(ratios) == len(scores) else None


def mean_coverage(scores: Scores, method: str) -> float | None:
    """Over the suites, in percent."""
    shares = [found.get(method, {}).get("coverage") for found in scores.values()]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else None


def _sentences(
    lines: Sequence[Line], scores: Scores, ours: Sequence[str], minutes: float
) -> Iterator[str]:
    """Suites won, OWA, times against the budget, and what failed."""
    for name in ours:
        rivals = [found for found in scores.values() if {name, *STATISTICAL} <= {*found}]
        won = sum(
            found[name]["ratio"] < min(found[other]["ratio"] for other in STATISTICAL)
            for found in rivals
        )
        worst = max(
            (found[name]["ratio"], suite) for suite, found in scores.items() if name in found
        )
        yield (
            f"- {name}: ahead of AutoETS and AutoTheta on {won} of {len(rivals)} suites; worst"
            f" {worst[0]:.3f} ({worst[1]})."
        )
    if "m4_yearly" in scores and lines[0]["part"] == "test":
        yearly = ", ".join(f"{name} {owa(each):.3f}" for name, each in scores["m4_yearly"].items())
        yield f"- OWA of m4_yearly: {yearly}."
    if times := [each / 60 for each in seconds_of(lines)]:
        shares = (
            f"{sum(t <= f * minutes for t in times)} within {f * minutes:g}" for f in (1, 1.2, 1.6)
        )
        yield (
            f"- Of {len(times)} trainings ended, in minutes, {', '.join(shares)}; the longest took"
            f" {max(times):.1f}."
        )
    yield from _crps_sentences(lines)
    for line in lines:
        where = f"- {line['suite']} {line['table']}, {line['method']}:"
        if line["error"]:
            yield f"{where} {line['error']} (seasonal naive stands in)."
        elif line["stood_in"]:
            yield f"{where} seasonal naive stands in for {line['stood_in']} series."


def _crps_sentences(lines: Sequence[Line]) -> Iterator[str]:
    """CRPS of our intervals over that of seasonal naive with and without intervals, by suite."""
    found: dict[str, dict[str, float]] = {}
    for line in lines:
        if of_table := line.get("crps"):
            sums = found.setdefault(line["suite"], dict.fromkeys(of_table, 0.0))
            sums.update({key: sums[key] + value for key, value in of_table.items()})
    if found:
        cells = []
        for suite, each in found.items():
            of_ours = np.float64(each["pinball"])
            with np.errstate(divide="ignore", invalid="ignore"):  # naive may be perfect
                point, own, scaled = (
                    of_ours / each[key] for key in ("naive_point_pinball", "naive_pinball", "size")
                )
            cells.append(f"{suite} {point:.3f} ({own:.3f}; scaled {scaled:.4f})")
        yield (
            "- CRPS over seasonal naive's point forecast (over its empirical quantiles):"
            f" {', '.join(cells)}."
        )


def _cell(value: float | None, form: str = "{:.3f}") -> str:
    return "" if value is None or np.isnan(value) else form.format(value)


def _span(seconds: Sequence[float]) -> str:
    """One number, or the shortest and the longest of several."""
    if len(seconds) < 2:
        return "".join(f"{each:.0f}" for each in seconds)
    return f"{min(seconds):.0f} to {max(seconds):.0f}"
