"""Draw the pictures of the gallery and write down what came of each configuration.

    python -m scripts.docs.gallery NAME CONFIG [section.key=value ...]

trains CONFIG and writes docs/gallery/NAME.png, and NAME's line in docs/gallery/results.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "gallery"
RESULTS = FOLDER / "results.json"
WIDTH = 1000
"""Pixels of a picture."""


def show(name: str, config: str, overrides: list[str]) -> None:
    """Train a configuration; write its picture and what came of it."""
    import forecast

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        model = forecast.train(forecast.read_config(config, overrides), run=Path(folder) / "run")
    seconds = time.perf_counter() - began
    metrics = model.summary["metrics"]
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    found[name] = {
        "config": " ".join([config, *overrides]),
        "seconds": round(seconds),
        "MASE": {method: round(values["MASE"], 3) for method, values in metrics.items()},
        "verdict": model.summary["verdict"],
        "remarks": model.summary["remarks"],
    }
    FOLDER.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (FOLDER / f"{name}.png").write_bytes(picture(model))


def picture(model: object) -> bytes:
    """The test forecasts of a model as a small PNG."""
    figure = model.plot_test()  # type: ignore[attr-defined]
    wide = figure.get_size_inches()[0]
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=WIDTH / wide)
    return buffer.getvalue()


def shown_run(name: str) -> str:
    """What the page shows of a run, in Markdown: picture, verdict, remarks, scores."""
    name = name.strip()
    found = json.loads(RESULTS.read_text(encoding="utf-8"))[name]
    scores = sorted(found["MASE"].items(), key=lambda each: each[1])
    rows = "".join(f"| {method.replace('_', ' ')} | {value:g} |\n" for method, value in scores)
    remarks = "".join(f"\n{remark}\n" for remark in found["remarks"])
    return (
        f"![Test forecasts and what came](gallery/{name}.png)\n\n"
        f"**{found['verdict']}**\n{remarks}\n"
        f"`forecast train {found['config']}`\n\n"
        f'??? note "All methods"\n\n    | | MASE |\n    |---|---|\n'
        + "".join(f"    {row}\n" for row in rows.splitlines())
    )


if __name__ == "__main__":
    show(sys.argv[1], sys.argv[2], sys.argv[3:])
