"""What `forecast quick` finds: the forecast, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from forecast.config.data import DataConfig
from forecast.data.panel import Panel
from forecast.drawing.html import html_of
from forecast.drawing.panels import MOST_PANELS, Shown, evenly, panels_of, rows_drawn, title_of
from forecast.evaluation.copula import HeldOutErrors
from forecast.forecasting.sample import Samples
from forecast.partners.weights import Weights, weights_in_words
from forecast.zero_shot.sample import Spread, sampled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class QuickForecast:
    """A forecast without a training, and how its methods did on the table's own rows."""

    forecast: pd.DataFrame
    """Columns id (if the table has one), time, target, forecast, lo-80, hi-80, ..."""
    scores: Mapping[str, Mapping[str, float]]
    """Method -> metric -> value over all windows that were held out; empty without any."""
    weights: Weights
    """Target -> method -> what it counts in the combination."""
    verdict: str
    """The combination beside the best other method, whichever way it falls."""
    windows: int
    """On which all of that rests."""
    season: int
    """Rows."""
    quantiles: tuple[float, ...]
    """Of `values`: the ends of the intervals, and 0.5 for the forecast."""
    panel: Panel = field(repr=False)
    """The table."""
    values: Float[np.ndarray, "S H K Q"] = field(repr=False)
    """In the user's units; the forecast is in the middle."""

    data: DataConfig = field(repr=False)
    """What the columns are."""
    spread: Spread = field(repr=False)
    """All quantiles of the steps ahead."""
    errors: HeldOutErrors | None = field(repr=False)
    """Of the windows that were held out."""

    def sample(self, samples: int = 200, seed: int = 0) -> Samples:
        """Sample paths of the steps ahead, as `TrainedModel.sample` gives them.

        The quantiles of each step are those of the intervals. How steps and targets move together
        in a path is taken from the errors on the rows that were held out. A series without
        intervals has no path.

        Args:
            samples: paths of each series, from 2 to 10,000.
            seed: of what is drawn; the same gives the same paths.

        Raises:
            ConfigError: for other numbers, and where no rows were held out.
        """
        return sampled(self.data, self.panel, self.spread, self.errors, samples, seed)

    def plot(self) -> Figure:
        """Draw the last rows of some series, evenly spaced, and what is forecast of them."""
        from forecast.drawing import plots  # matplotlib is slow

        middle = self.values[..., self.values.shape[-1] // 2]
        known = np.flatnonzero(np.isfinite(middle).all(axis=(1, 2)))
        if not len(known):  # of several targets one may be unknown throughout
            known = np.arange(self.panel.num_series)
        chosen = known[evenly(len(known), MOST_PANELS)]
        shown = self.panel.select(chosen).tail(rows_drawn(self.values.shape[1], self.season))
        panels = panels_of(Shown(shown), dict(zip(shown.ids, self.values[chosen], strict=True)))
        return plots.forecasts(panels, title_of(self.quantiles, self.panel, len(panels)))

    def __repr__(self) -> str:
        panel, steps = self.panel, self.values.shape[1]
        series = "1 series" if panel.num_series == 1 else f"{panel.num_series:,} series"
        return "\n".join(
            [
                f"QuickForecast of {series}, {steps} steps ahead; season {self.season}",
                f"weights  {weights_in_words(self.weights, most=3)}",
                f"test     {self.verdict}",
                f"table    .forecast, {len(self.forecast):,} rows; .scores; .plot()",
            ]
        )

    def _repr_html_(self) -> str:
        from forecast.drawing import plots

        return html_of(repr(self), plots.png(self.plot()))

    def facts(self) -> dict[str, Any]:
        """All but the tables, for JSON."""
        names = ("verdict", "windows", "season", "weights", "scores")
        return {name: getattr(self, name) for name in names}
