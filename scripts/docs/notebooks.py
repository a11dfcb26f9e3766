"""Execute the notebooks of `examples/` and keep their outputs, without what differs by machine.

python -m scripts.docs.notebooks [NOTEBOOK ...]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECONDS = 600
"""Most for a cell."""


def executed(path: Path, folder: Path) -> Any:
    """A notebook with its outputs of now.

    Args:
        path: of the notebook.
        folder: where it runs; the tables are found from there as from `examples/`.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    drawn = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place)
    client.execute(env=drawn)
    for number, cell in enumerate(notebook.cells):
        cell["metadata"] = {}
        cell["id"] = f"cell-{number}"
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main() -> None:
    """Execute the notebooks that are named, or all of them."""
    import nbformat

    paths = [Path(name) for name in sys.argv[1:]] or sorted(EXAMPLES.glob("*.ipynb"))
    for path in paths:
        nbformat.write(executed(path, EXAMPLES), path)


if __name__ == "__main__":
    main()
