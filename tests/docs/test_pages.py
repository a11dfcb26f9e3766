"""Every command and every block of Python of the pages runs, and prints what the pages show."""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from scripts.docs.agree import agree
from scripts.docs.blocks import blocks_of
from scripts.docs.play import furnish, play

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
NOT_RUN = ("cd", "git", "make", "pip", "python3", "source", ".venv/bin/pip")
"""First words of what is shown and not run, for it changes the machine or needs a network."""
SHOWN_ONLY = {
    "forecast demo demo",
    "forecast quick demo/data/air_passengers.csv --horizon 12",
    "forecast predict runs/visits --data newer.csv --output next.csv",
    "forecast serve runs/visits",
    "forecast train --resume runs/visits",
    "forecast train visits.yaml --device cuda",
    "torchrun --nproc-per-node 4 -m -- forecast train panel.yaml --run runs/panel",
}
"""Commands of this program that stand for what a reader does later, with a GPU or files of his."""


def is_slow(page):
    return page.read_text(encoding="utf-8").startswith("---\nslow: true\n")


def pages_to_run():
    for page in PAGES:
        if any(b.kind in ("console", "python") for b in blocks_of(page.read_text("utf-8"))):
            marks = [pytest.mark.slow, pytest.mark.timeout(900)] if is_slow(page) else []
            yield pytest.param(page, marks=marks, id=str(page.relative_to(ROOT / "docs")))


@pytest.mark.parametrize("page", [*pages_to_run()])
def test_a_page_prints_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    furnish(tmp_path)
    for each in play(page.read_text(encoding="utf-8"), tmp_path):
        place = f"{page.name}:{each.block.line}: {each.command}"
        assert each.ok, f"{place}\n{each.found}"
        if each.shown is None:
            continue
        assert agree(each.shown, each.found, numbers=not each.block.varies), (
            f"{place}: fill it with python -m scripts.docs.fill {os.path.relpath(page, ROOT)};"
            f" it prints\n{each.found}"
        )
    plt.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_only_what_changes_the_machine_is_not_run(page):
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.kind != "sh":
            continue
        for line in block.text.splitlines():
            assert line.startswith(NOT_RUN) or line in SHOWN_ONLY or not line, line
