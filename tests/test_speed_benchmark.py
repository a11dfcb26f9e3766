"""The benchmark of speed runs, without its peers and without a downloaded file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("training", "accuracy", "forecasting", "scale", "startup")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_quick_benchmark_of_speed_runs(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    command = [sys.executable, "benchmarks/speed.py", "--quick", "--data", str(tmp_path)]
    done = subprocess.run(
        [*command, "--output", str(results)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = results.read_text(encoding="utf-8")
    assert text.strip() == done.stdout.strip()
    assert [f"speed, {part}" in text for part in PARTS] == [True] * len(PARTS)
    assert str(tmp_path) not in text
