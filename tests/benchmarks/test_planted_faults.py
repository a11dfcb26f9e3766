"""The planted faults: each can still be planted, in one place alone."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FAULTS = yaml.safe_load((ROOT / "benchmarks" / "planted_faults.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["wrong"][:30] for fault in FAULTS])
def test_the_right_line_is_there_once_and_its_tests_are(fault):
    assert (ROOT / fault["file"]).read_text(encoding="utf-8").count(fault["right"]) == 1
    files = [word.split("::")[0] for word in fault["tests"].split() if "/" in word]
    assert files
    assert all((ROOT / name).exists() for name in files)
