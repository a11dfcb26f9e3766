"""How results show themselves in a notebook: their lines, and a picture."""

from __future__ import annotations

import base64
import html


def html_of(lines: str, picture: bytes | None) -> str:
    """Some lines and a picture as HTML.

    Args:
        lines: text.
        picture: a PNG; None: there is none.
    """
    shown = f"<pre>{html.escape(lines)}</pre>"
    if picture is None:
        return shown
    data = base64.b64encode(picture).decode()
    return f'{shown}<img src="data:image/png;base64,{data}" style="max-width:100%">'
