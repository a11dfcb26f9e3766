"""The notebooks run, and what they show is small."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
MOST_BYTES = 200_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_from_top_to_bottom_and_is_small(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == [*range(1, len(counts) + 1)]
    assert path.stat().st_size < MOST_BYTES
    outputs = [each for cell in cells for each in cell.get("outputs", [])]
    assert not [each for each in outputs if each["output_type"] == "error"]
    assert not [each for each in outputs if each.get("name") == "stderr"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default")  # of the libraries that talk to a kernel
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    pytest.importorskip("nbclient", reason="needs pip install 'forecast-lstm[docs]'")
    from scripts.docs.notebooks import executed

    before = json.loads(path.read_text(encoding="utf-8"))["cells"]
    cells = executed(path, path.parent).cells
    assert [cell["source"] for cell in cells] == ["".join(cell["source"]) for cell in before]
    assert [len(c.get("outputs", [])) > 0 for c in cells] == [
        len(c.get("outputs", [])) > 0 for c in before
    ]
