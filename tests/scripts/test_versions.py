"""The constraints of `make test-latest` and `make test-oldest`."""

import tomllib
from pathlib import Path

import pytest

from scripts.versions import PROJECT, constraints


def test_the_oldest_are_the_floors_of_all_that_users_install():
    project = tomllib.loads(Path(PROJECT).read_text())["project"]
    lines = [*constraints("oldest")]
    assert "pandas==2.2" in lines
    assert {line.split(">=")[0] for line in project["dependencies"]} <= {
        line.split("==")[0] for line in lines
    }
    assert not any(line.startswith("pytest") for line in lines)


def test_the_latest_are_bound_by_nothing_but_a_torch_that_is_given():
    assert [*constraints("latest")] == []
    assert [*constraints("latest", "2.13.0")] == ["torch==2.13.0"]
    assert "torch==2.13.0" in [*constraints("oldest", "2.13.0")]


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="neither latest nor oldest"):
        [*constraints("middle")]
