"""What README and the pages say of the code holds."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 5_000


def reading_path():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Read the code in an afternoon")[1].split("\n## ")[0]
    table = "".join(line for line in section.splitlines() if line.startswith("|"))
    return [ROOT / "forecast" / name for name in re.findall(r"`([\w/]+\.py)`", table)]


def test_the_way_of_the_data_is_an_afternoon_long():
    path = reading_path()
    assert len(path) == len({*path}) > 20
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in path) <= MOST_LINES


def test_every_file_opens_with_a_sentence_that_says_what_it_is():
    for file in (ROOT / "forecast").rglob("*.py"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert re.match(r'"""[A-Z`a-z].{10,}', first), file
