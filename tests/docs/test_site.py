"""The site is built without warnings, and a fault in it is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="needs pip install 'forecast-lstm[docs]'")
ROOT = Path(__file__).parents[2]


def build(folder, *more):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder, *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.slow
def test_the_site_is_whole_and_asks_nothing_of_others(tmp_path):
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "lstm.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "<svg" in page
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for mark in ('src="http', 'rel="stylesheet" href="http', "fonts.googleapis"):
            assert mark not in text, page
