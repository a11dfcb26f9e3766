"""Drawings of the pages, as SVG in the colours of the page: boxes, arrows and words.

A page asks for one by name:

    ```picture
    lstm_cell
    ```
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEAD = (
    '<svg class="picture" role="img" viewBox="0 0 {width} {height}" style="max-width:{width}px"'
    ' xmlns="http://www.w3.org/2000/svg"><title>{title}</title><defs><marker id="{id}"'
    ' viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" class="head"/></marker></defs>'
)
Point = tuple[float, float]


class Drawing:
    """An SVG that grows shape by shape."""

    def __init__(self, name: str, title: str, width: int, height: int) -> None:
        self.marker = f"arrow-{name}"
        self.shapes = [HEAD.format(width=width, height=height, title=escape(title), id=self.marker)]

    def box(self, at: Point, size: Point, lines: str, kind: str = "box") -> None:
        """A rounded box around its middle, with words in it; `|` parts the lines."""
        (x, y), (wide, high) = at, size
        self.shapes.append(
            f'<rect class="{kind}" x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide:g}"'
            f' height="{high:g}" rx="6"/>'
        )
        self.words(at, lines, "title")

    def words(self, at: Point, lines: str, first: str = "note", anchor: str = "middle") -> None:
        """Lines of text around a point; those after the first are small."""
        (x, y), parts = at, lines.split("|")
        for number, line in enumerate(parts):
            height = y + 16 * (number - (len(parts) - 1) / 2) + 4
            kind = first if number == 0 else "note"
            self.shapes.append(
                f'<text class="{kind}" x="{x:g}" y="{height:g}" text-anchor="{anchor}">'
                f"{escape(line)}</text>"
            )

    def circle(self, at: Point, sign: str) -> None:
        """A sign of an operation in a circle."""
        x, y = at
        self.shapes.append(f'<circle class="operation" cx="{x:g}" cy="{y:g}" r="13"/>')
        self.words(at, sign, "title")

    def arrow(self, *points: Point) -> None:
        """A line through points, with a head at the last."""
        self.line(*points, head=f' marker-end="url(#{self.marker})"')

    def line(self, *points: Point, head: str = "") -> None:
        """A line through points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.shapes.append(f'<polyline class="line" points="{path}"{head}/>')

    def svg(self) -> str:
        """The whole of it."""
        return f"{''.join(self.shapes)}</svg>"


def lstm_cell() -> str:
    """One step of an LSTM: three gates around the cell state."""
    d = Drawing("cell", "One step of an LSTM: the cell state runs along the top", 720, 330)
    d.box((360, 165), (520, 250), "", "frame")
    top, row = 80, 190
    d.arrow((20, top), (147, top))
    d.words((50, top - 16), "c(t−1)")
    d.circle((160, top), "×")
    d.arrow((173, top), (297, top))
    d.circle((310, top), "+")
    d.arrow((323, top), (690, top))
    d.words((665, top - 16), "c(t)")
    gates = ((160, "σ|forget"), (260, "σ|input"), (360, "tanh|candidate"), (480, "σ|output"))
    for x, words in gates:
        d.box((x, row), (84, 44), words, "gate")
        d.arrow((x, 260), (x, row + 24))
    d.arrow((160, row - 22), (160, top + 15))
    d.circle((310, 135), "×")
    d.arrow((260, row - 22), (260, 135), (295, 135))
    d.arrow((360, row - 22), (360, 135), (325, 135))
    d.arrow((310, 122), (310, top + 15))
    d.box((560, 120), (64, 32), "tanh", "gate")
    d.arrow((560, top), (560, 102))
    d.circle((560, row), "×")
    d.arrow((560, 136), (560, row - 15))
    d.arrow((522, row), (545, row))
    d.arrow((573, row), (690, row))
    d.words((665, row - 16), "h(t)")
    d.line((20, 260), (480, 260))
    d.words((50, 244), "h(t−1)")
    d.line((110, 320), (110, 260))
    d.words((120, 314), "x(t), the new row", anchor="start")
    return d.svg()


def windows() -> str:
    """Windows along a series: lookback, horizon, and the parts they belong to."""
    d = Drawing("windows", "Windows of a series, and the parts they belong to", 720, 260)
    parts = ((30, 400, "training"), (430, 120, "validation"), (550, 150, "test"))
    for x, wide, name in parts:
        d.box((x + wide / 2, 40), (wide - 4, 34), name, "gate" if name == "training" else "box")
    for number, x in enumerate((60, 75, 90)):
        y = 90 + 34 * number
        d.box((x + 70, y), (140, 22), "lookback", "lookback")
        d.box((x + 175, y), (66, 22), "horizon", "horizon")
    d.words((340, 124), "one window after the other, a row apart", anchor="start")
    d.box((450, 214), (140, 22), "lookback", "lookback")
    d.box((555 + 32, 214), (66, 22), "horizon", "horizon")
    d.words((340, 214), "a test window:|it may look back|into earlier parts", "note", "end")
    d.words((660, 214), "no target|is shared", "note")
    return d.svg()


def way_of_the_data() -> str:
    """From a table to a forecast, and back to the user's units."""
    d = Drawing("way", "The way of the data, from a table to a forecast", 720, 430)
    left, right, size = 190, 530, (270, 56)
    down = (
        "table|one reader: CSV, Parquet, a frame",
        "panel|series end to end, one time axis",
        "split|training, validation, test by time",
        "transforms|fitted on training rows alone",
        "windows|a window is one integer",
    )
    up = (
        "the network|stack of LSTMs and a head",
        "undo the transforms|back to the user's units",
        "combination|with theta, ETS, the pretrained network",
        "intervals|from errors out of sample",
        "forecast|a table; scores beside opponents",
    )
    for number, words in enumerate(down):
        d.box((left, 45 + 84 * number), size, words)
        if number:
            d.arrow((left, 45 + 84 * (number - 1) + 28), (left, 45 + 84 * number - 29))
    for number, words in enumerate(up):
        y = 45 + 84 * (4 - number)
        d.box((right, y), size, words, "gate" if number == 0 else "box")
        if number:
            d.arrow((right, y + 84 - 28), (right, y + 29))
    d.arrow((left + 135, 381), (right - 136, 381))
    return d.svg()


def _floors() -> tuple[tuple[str, ...], ...]:
    """The table of floors as the test of imports holds it."""
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            floors: tuple[tuple[str, ...], ...] = ast.literal_eval(node.value)
            return floors
    raise LookupError("tests/test_imports.py has no FLOORS")


def rooms() -> str:
    """The floors of the package, the highest first: a room imports only from below."""
    floors, width, high = _floors(), 720, 44
    d = Drawing(
        "rooms", "The rooms of the package: imports go down", width, high * len(floors) + 16
    )
    for number, names in enumerate(reversed(floors)):
        wide = (width - 20) / len(names)
        for place, name in enumerate(names):
            x = 10 + wide * (place + 0.5)
            d.box((x, 30 + high * number), (wide - 10, 30), name)
    return d.svg()


DRAWINGS: Mapping[str, Callable[[], str]] = {
    "lstm_cell": lstm_cell,
    "windows": windows,
    "way_of_the_data": way_of_the_data,
    "rooms": rooms,
}
