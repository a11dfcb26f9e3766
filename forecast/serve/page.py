"""The page of the service: one file that needs no network, and the headers that keep it alone."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.responses import HTMLResponse

SAFE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
"""Headers of every answer."""


@cache
def page_text() -> str:
    """The page."""
    return files("forecast.serve").joinpath("page.html").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """The content security policy: the page's own script and style, and this service alone."""
    hashes = {
        tag: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page_text(), re.DOTALL)
        )
        for tag in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']};"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


def page() -> HTMLResponse:
    """The answer with the page."""
    headers = {"content-security-policy": policy(), "cache-control": "no-cache"}
    return HTMLResponse(page_text(), headers=headers)
