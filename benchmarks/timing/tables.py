"""Tables of Markdown, and the figures in them."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, with an empty line after it."""
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


def best(rates: Mapping[str, Sequence[float]]) -> str:
    """The name whose median is highest."""
    return max(rates, key=lambda name: median(rates[name]))


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Median over the rounds of the ratio in a round, which drifts less than that of medians."""
    return median(value / other for value, other in zip(values, others, strict=True))


def whole(value: float) -> str:
    """1,234"""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
