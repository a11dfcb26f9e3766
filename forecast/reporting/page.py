"""One self-contained HTML page of sections with figures and tables: no network, no scripts."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forecast.drawing import plots
from forecast.errors import printable, printable_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNKNOWN = "–"  # noqa: RUF001
"""Stands in a cell for a number that is not known."""
NO_TEST = "There is no test part, so errors are not known."
"""Stands in a section for figures that a test part would have given."""


@dataclass(frozen=True)
class Chart:
    """A figure of the page."""

    svg: str
    """An SVG element, as `plots.svg` gives it."""
    label: str
    """What it shows, for those who cannot see it."""
    caption: str


@dataclass(frozen=True)
class PageTable:
    """Cells as text, the first of each row being its head."""

    header: tuple[str, ...]
    """Empty for a table of names and values."""
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[tuple[int, int]] = frozenset()
    """(row, column) of the cells that stand out."""


@dataclass(frozen=True)
class PageSection:
    """A part of the page; without figures, tables and code, its sentence says what is missing."""

    title: str
    text: str = ""
    charts: tuple[Chart, ...] = ()
    tables: tuple[PageTable, ...] = ()
    code: str = ""

    @property
    def is_left_out(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.charts or self.tables or self.code)


@dataclass(frozen=True)
class Page:
    """What is rendered."""

    title: str
    verdict: str
    sections: tuple[PageSection, ...]
    remarks: tuple[str, ...] = ()
    """What belongs to the verdict."""


def picture_section(title: str, figure: Figure, label: str, caption: str) -> PageSection:
    """A section of one figure."""
    return PageSection(title, charts=(Chart(plots.svg(figure), label, caption),))


def number_cell(value: float | None) -> str:
    """A number with four digits, or all digits before the point if there are more."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def named_rows(values: Mapping[str, object]) -> tuple[tuple[str, ...], ...]:
    """Rows of a table of names and values; what is nested is put on one line."""
    return tuple((name.replace("_", " "), _on_one_line(value)) for name, value in values.items())


def _on_one_line(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_on_one_line(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_on_one_line, value)) if value else "none"
    return "none" if value is None else str(value)


def render(page: Page) -> str:
    """The page as HTML; the same page gives the same text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        loader=PackageLoader("forecast", "reporting"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_visible,
    )
    charts = [chart for section in page.sections for chart in section.charts]
    # Drawn by this program, with every text in them escaped: safe to insert as they are.
    drawn = {id(c): Markup(inline(c, f"f{number}")) for number, c in enumerate(charts)}  # noqa: S704
    template = environment.get_template("page.html.jinja")
    return template.render(page=page, drawn=lambda chart: drawn[id(chart)])


def _visible(value: object) -> object:
    """A text without hidden letters, such as those that turn a line around; charts as they are."""
    return printable_lines(value) if type(value) is str else value


def inline(chart: Chart, prefix: str) -> str:
    """A chart's SVG for use inside a page.

    Its ids get a prefix, so that no two charts share one; its colours become CSS variables named
    after them (`var(--1f2933, #1f2933)`), so that a dark page can change them; it gets a label.

    Args:
        chart: drawn by `plots.svg`.
        prefix: of its ids.
    """
    text = re.sub(r"<style.*?</style>", "", chart.svg, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", lambda tag: _adapted(tag.group(), prefix), text)
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{html.escape(printable(chart.label))}" ', 1
    )


def _adapted(tag: str, prefix: str) -> str:
    """A tag with ids of its own, variable colours, and the fonts of the page."""
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", tag)
    tag = re.sub(r"(?<=: )#([0-9a-f]{6})\b", r"var(--\1, #\1)", tag)
    return re.sub(r'font-family: [^;"]*(; )?', "", tag)
