"""Blocks are found in pages, outputs shortened and compared."""

import pytest

from scripts.docs.agree import agree, same_line
from scripts.docs.blocks import blocks_of, commands_of, shortened
from scripts.docs.fill import filled, main
from scripts.docs.play import play

PAGE = """\
# Page

```yaml title="a.yaml"
x: 1
```

<!-- show 1 -->
```console
$ cat a.yaml
old
$ echo one \\
    two
```

```python
print(1 + 1)
```
```output
3
```

<!-- fails -->
```console
$ false
```
"""


def test_blocks_have_kind_title_and_note():
    found = [(b.kind, b.title, b.kept, b.fails) for b in blocks_of(PAGE)]
    assert found == [
        ("yaml", "a.yaml", "", False),
        ("console", "", "1", False),
        ("python", "", "", False),
        ("output", "", "", False),
        ("console", "", "", True),
    ]


def test_a_command_may_go_on_in_the_next_line():
    commands = commands_of("$ echo one \\\n    two\n1 2\n$ ls\n")
    assert [(c.words, c.shown) for c in commands] == [("echo one two", "1 2\n"), ("ls", "")]


def test_a_page_is_played_and_filled(tmp_path):
    played = list(play(PAGE, tmp_path))
    assert [(p.command, p.found, p.ok) for p in played] == [
        ("cat a.yaml", "x: 1\n", True),
        ("echo one \\\n    two", "one two\n", True),
        ("", "2\n", True),
        ("false", "", True),
    ]
    page = filled(PAGE, played)
    assert "$ cat a.yaml\nx: 1\n$ echo one \\\n    two\none two\n" in page
    assert "```output\n2\n```" in page
    assert filled(page, list(play(page, tmp_path))) == page


def test_a_page_whose_command_fails_is_not_filled(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(before := "```console\n$ echo no; exit 3\nyes\n```\n")
    monkeypatch.setattr("sys.argv", ["fill", str(page)])
    with pytest.raises(SystemExit, match="echo no; exit 3\nno\n"):
        main()
    assert page.read_text() == before


def test_python_that_fails_is_told(tmp_path):
    (played,) = play("```python\n1 / 0\n```\n", tmp_path)
    assert not played.ok
    assert "ZeroDivisionError" in played.found


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ("", "a\nb\nc\nd\n"),
        ("1-2", "a\nb\n...\n"),
        ("-2-", "...\nc\nd\n"),
        ("1 -1-", "a\n...\nd\n"),
        ("2-", "...\nb\nc\nd\n"),
        ("1-9", "a\nb\nc\nd\n"),
    ],
)
def test_outputs_are_shortened(kept, left):
    assert shortened("a\nb\nc\nd\n", kept) == left


@pytest.mark.parametrize(
    ("shown", "found", "same"),
    [
        ("MAE 13.62", "MAE 13.7", True),
        ("MAE 13.62", "MAE 14.2", False),
        ("MAE 13.62", "MSE 13.62", False),
        ("3.8 % worse", "3.7 % worse", True),
        ("3.8 % worse", "3.6 % worse", False),
        ("0.2 % worse", "0.1 % worse", False),
        ("about 1 s for 8 epochs", "below 1 s for 8 epochs", True),
        ("best 0.0101", "best 0.0099", True),
        ("ends at about 07:23, in 7 s", "ends at about 19:01, in 84 s", True),
        ("run 2026-11-26 09:27 3", "run 2027-01-02 10:00 3", True),
        ("2024-12-31,5", "2024-12-30,5", False),
        ("a  1", "a 1", True),
        ("12,345 rows", "12,346 rows", True),
        ("about 34 MB beyond", "below 1 MB beyond", False),
        ("3 of 4", "3 of", False),
    ],
)
def test_lines_agree(shown, found, same):
    assert same_line(shown, found) == same


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("a\nb\nc\n", True),
        ("a\n...\nc\n", True),
        ("...\nb\n...\n", True),
        ("...\nc\n", True),
        ("a\n...\n", True),
        ("a\nb\n", False),
        ("...\nb\n", False),
        ("...\nx\n...\n", False),
        ("b\n...\n", False),
    ],
)
def test_left_out_lines_may_be_any(shown, same):
    assert agree(shown, "a\nb\nc\n") == same


def test_words_alone_may_be_compared():
    assert agree("kernel 0.2 s 5 %\n", "kernel 9 s 71 %\n", numbers=False)
    assert not agree("kernel 5 %\n", "writing 5 %\n", numbers=False)
