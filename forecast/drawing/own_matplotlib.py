"""matplotlib with the settings of this package, whatever settings the user or the folder has."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

from forecast.runs.memory import is_ours


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Be in the folder of this file, if the process is ours: chdir concerns all its threads."""
    if not is_ours():
        yield
        return
    here = os.open(os.curdir, os.O_RDONLY)
    try:
        os.chdir(os.path.dirname(os.path.abspath(__file__)))
        yield
    finally:
        os.fchdir(here)
        os.close(here)


with _elsewhere():  # matplotlib reads the matplotlibrc of the working folder, whatever that is
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

DEFAULTS: Any = dict.items(mpl.rcParamsDefault)
OF_WINDOWS = ("backend", "backend_fallback", "interactive")
"""Settings of the host's own figures on a screen."""
LETTERS: tuple[str, ...] = ("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic")
LETTERS += ("Microsoft YaHei", "PingFang SC", "Malgun Gothic", "Noto Sans Arabic", "Noto Sans")
LETTERS += ("Noto Sans Devanagari", "Arial Unicode MS", "Noto Emoji")
"""Fonts for what DejaVu, which comes with matplotlib, does not hold; those that are there."""


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draw by matplotlib's defaults, and without a word: what it cannot show is not the user's."""
    there = {font.name for font in fontManager.ttflist}
    settings: Any = {
        **{name: each for name, each in DEFAULTS if name not in OF_WINDOWS},
        "font.family": ["DejaVu Sans", *(name for name in LETTERS if name in there)],
        "svg.fonttype": "none",
        "svg.hashsalt": "forecast",
    }
    log = logging.getLogger("matplotlib")
    level = log.level
    ignored = warnings.catch_warnings(action="ignore", category=UserWarning)
    with mpl.rc_context(settings), ignored:
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)
