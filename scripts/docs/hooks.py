"""What mkdocs calls while it builds the site: formulas, pictures, made pages, and a last check."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from scripts.docs import formulas, public
from scripts.docs.commands_page import commands_page
from scripts.docs.gallery import shown_run
from scripts.docs.options_page import options_page
from scripts.docs.pictures import DRAWINGS

log = logging.getLogger("mkdocs.plugins.forecast")
MADE = {"reference/options.md": options_page, "reference/commands.md": commands_page}
NOTE = re.compile(r"^<!-- (?:show|fails|varies)[-\w ]* -->\n(?=```)", re.MULTILINE)
"""What tells the runner of the blocks something, and readers nothing."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the code."""
    for name, page in MADE.items():
        files.append(File.generated(config, name, content=page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put in formulas and drawings."""
    markdown = NOTE.sub("", markdown)
    markdown = _fences(markdown, "formula", lambda text: f"<div>{formulas.block(text)}</div>")
    markdown = _fences(markdown, "gallery", shown_run)
    markdown = _fences(
        markdown, "picture", lambda name: f'<div class="drawing">{DRAWINGS[name.strip()]()}</div>'
    )
    return formulas.inline(markdown)


def _fences(markdown: str, kind: str, made: Any) -> str:
    pattern = re.compile(rf"^```{kind}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return pattern.sub(lambda found: str(made(found[1])), markdown)


def on_post_build(config: Any) -> None:
    """Warn, which a strict build fails for, of every public name without a page."""
    pages = Path(config["site_dir"]).rglob("*.html")
    anchors = {
        anchor
        for page in pages
        for anchor in re.findall(r'id="(forecast\.[\w.]+)"', page.read_text(encoding="utf-8"))
    }
    for name in public.names():
        if name not in anchors:
            log.warning("public name %s has no page: add it to docs/reference/api.md", name)
