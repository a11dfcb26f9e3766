"""Pictures are those of this package: neither settings nor names of others change or end them."""

import logging

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from forecast.drawing import plots
from forecast.drawing.own_matplotlib import own_style
from forecast.drawing.plot_style import LONGEST_TITLE, short
from forecast.reporting.page import Page, PageSection, render

NAMES = {
    r"$\frac{$": r"$\frac{$",
    "x\n2026 ERROR": r"x\n2026 ERROR",
    "\x1b[31mred": r"\x1b[31mred",
    "a\u202eb": r"a\u202eb",
    "\ud800": r"\ud800",
    "売上": "売上",
    "_name": "_name",
    "long" * 10_000: "long" * 19 + "lon…",
}


def panels():
    times = pd.Series(pd.date_range("2020-01-01", periods=4))
    line = (times, np.arange(4.0), None, None)
    return [
        {"name": name, "times": times, "actual": np.ones(4), "forecasts": {"next steps": [line]}}
        for name in NAMES
    ]


def test_names_are_drawn_as_they_are_escaped_and_shortened_without_a_word(caplog, capsys):
    figure = plots.forecasts(panels(), "Forecast")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [*NAMES.values()]
    with caplog.at_level(logging.WARNING):
        assert plots.png(figure).startswith(b"\x89PNG")
        text = plots.svg(plots.series_errors(dict.fromkeys(NAMES, 1.0), {}))
    assert r"$\frac{$" in text
    assert caplog.records == []
    assert capsys.readouterr().err == ""
    assert len(short("x" * 10**6, LONGEST_TITLE)) == LONGEST_TITLE


@pytest.mark.filterwarnings("ignore")
def test_the_settings_of_others_neither_matter_nor_change():
    expected = plots.png(plots.forecasts(panels()[:1], "Forecast"))
    foreign = {"text.usetex": True, "lines.linewidth": 9.0, "backend": "svg", "figure.dpi": 20}
    with mpl.rc_context(foreign):
        assert plots.png(plots.forecasts(panels()[:1], "Forecast")) == expected
        with own_style():
            assert mpl.rcParams["backend"] == "svg"
        assert {name: mpl.rcParams[name] for name in foreign} == foreign


def test_a_page_shows_hidden_letters_and_loads_nothing():
    page = Page("a\u202eb", "<b>\x1b[31m", (PageSection("x\x00y", code="line\nline\r"),))
    text = render(page)
    for shown in (r"a\u202eb", r"&lt;b&gt;\x1b[31m", r"x\x00y", "line\nline\\r"):
        assert shown in text
    assert '<meta http-equiv="Content-Security-Policy" content="default-src ' in text
