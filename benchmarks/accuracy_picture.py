"""Draw benchmarks/accuracy.png: ETTh1 beside published figures, from the table in RESULTS.md.

python benchmarks/accuracy_picture.py
"""

import re
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
PUBLISHED = {
    "PatchTST": {96: 0.375, 192: 0.418, 336: 0.462, 720: 0.495},
    "SegRNN": {96: 0.351, 192: 0.392, 336: 0.423, 720: 0.466},
}
"""MSE as in the table of SegRNN's authors (lookback 720)."""
ROW = re.compile(r"^\| `?etth1_(\d+)`? \| ([\d.]+) ± ([\d.]+) \|", re.MULTILINE)


def measured() -> dict[int, tuple[float, float]]:
    """Horizon -> mean and spread of the test MSE, from the last row of each configuration."""
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    return {int(row[1]): (float(row[2]), float(row[3])) for row in ROW.finditer(text)}


def draw(ours: dict[int, tuple[float, float]]) -> Figure:
    """Dots by horizon, one colour a method."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    horizons = sorted(ours)
    places = range(len(horizons))
    means, spreads = zip(*(ours[horizon] for horizon in horizons), strict=True)
    for (name, row), color in zip(PUBLISHED.items(), ("#7b8794", "#3d7ea6"), strict=True):
        axes.plot(places, [row[h] for h in horizons], "o--", color=color, label=name, linewidth=1)
    axes.errorbar(places, means, spreads, fmt="o-", color="#d1495b", label="forecast")
    axes.set_xticks(places, [f"{horizon} h" for horizon in horizons])
    axes.set(xlabel="horizon", ylabel="test MSE", title="ETTh1, 7 columns, lower is better")
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def main() -> None:
    """Write the picture."""
    figure = draw(measured())
    FigureCanvasAgg(figure)
    figure.savefig(FOLDER / "accuracy.png", dpi=120)


if __name__ == "__main__":
    main()
