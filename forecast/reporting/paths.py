"""Sample paths in a report: some of them over the interval of their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecast.drawing import plots
from forecast.drawing.panels import evenly, rows_drawn
from forecast.errors import ForecastError
from forecast.forecasting.sample import sampled
from forecast.forecasting.trained import TrainedModel
from forecast.reporting.page import PageSection, picture_section

SAMPLES, DRAWN = 200, 20
"""Paths that the interval is made of, and how many of them are drawn."""
MOST_DRAWN = 3
"""Series and targets."""
LEVEL = 80
"""Percent."""
TITLE = "Sample paths"


def path_pictures(trained: TrainedModel) -> list[dict[str, Any]]:
    """What `plots.sample_paths` draws of the steps after some series; nothing without paths.

    Args:
        trained: the model, with the end of its table.
    """
    chosen = trained.tail.select(np.array(evenly(trained.tail.num_series, MOST_DRAWN)))
    window, season = trained.config.window, int(trained.config.data.season)
    try:
        values = sampled(trained, chosen, None, None, SAMPLES, 0).values  # (n, S, H, K)
    except ForecastError:  # no errors are kept, or rows to come are not known
        return []
    panel = chosen.tail(rows_drawn(window.horizon, season))
    targets = max(1, MOST_DRAWN // panel.num_series)
    found = []
    for series in range(values.shape[1]):
        rows = np.arange(panel.offsets[series], panel.offsets[series + 1])
        positions = panel.positions(rows)
        times = panel.axis.column(positions[-1] + 1 + np.arange(values.shape[2]))
        for target, name in enumerate(panel.targets[:targets]):
            paths = values[:, series, :, target]  # (n, H)
            ends = np.array([0.5 - LEVEL / 200, 0.5, 0.5 + LEVEL / 200])
            lower, middle, upper = np.quantile(paths, ends, axis=0, method="hazen")
            forecasts = {
                "forecast": (times, middle, lower, upper),
                "sample paths": [(times, path) for path in paths[:DRAWN]],
            }
            names = [panel.ids[series], name] if panel.has_ids else [name]
            found.append(
                {
                    "name": ", ".join(names),
                    "times": panel.axis.column(positions),
                    "actual": panel.values[rows, target],
                    "forecasts": forecasts,
                }
            )
    return found


def paths_section(pictures: Sequence[Mapping[str, Any]]) -> PageSection:
    """Some paths of some series."""
    if not pictures:
        text = "Left out: the model keeps no errors, or needs covariates of the future."
        return PageSection(TITLE, text)
    names = ", ".join(each["name"] for each in pictures)
    label = f"{DRAWN} sample paths of the next steps of {names}"
    caption = (
        f"{DRAWN} of the paths that forecast predict --samples gives, each with as many ups and"
        f" downs as a future may have. Shaded: {LEVEL} % interval of each step."
    )
    return picture_section(TITLE, plots.sample_paths(pictures, TITLE), label, caption)
