"""The table of a benchmark, as Markdown: a line for each thing that was measured."""

from collections.abc import Mapping, Sequence


def print_table(lines: Sequence[Mapping[str, float | str]], form: str) -> None:
    """Print lines of equal columns.

    Args:
        lines: at least one; column -> what it holds.
        form: of numbers, such as `.4g`.
    """
    print(f"| {' | '.join(lines[0])} |\n|{'---|' * len(lines[0])}")
    for line in lines:
        cells = (each if isinstance(each, str) else f"{each:{form}}" for each in line.values())
        print(f"| {' | '.join(cells)} |")
