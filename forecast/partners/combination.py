"""The combination of a model with its partners: one forecast of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecast.config.counts import Distribution
from forecast.evaluation.baselines import Forecast, History
from forecast.evaluation.scoring import COMBINATION
from forecast.partners.ridge import Ridge
from forecast.partners.table import PARTNERS, Partner, rows_read
from forecast.partners.weights import RIDGE, Weights, weighted, weights_by_name, weights_in_words


@dataclass(frozen=True)
class Combination:
    """Methods and what each of them counts; without partners, the model alone."""

    methods: tuple[str, ...]
    """The model first, then the partners."""
    weights: tuple[tuple[float, ...], ...] = ()
    """Of each target, one for each method; they add up to one. Neither a median nor a model alone
    reads them."""
    is_median: bool = False
    ridge: Ridge | None = None
    """The one partner that is fitted beforehand, if it is among the methods."""
    minimum: float = -np.inf
    """In the user's units: nothing below it is forecast."""
    distribution: Distribution | None = None
    """Whose quantiles the model forecasts; None: numbers of any sign."""

    @property
    def name(self) -> str:
        """Of the method that it makes: the model's own without partners."""
        return COMBINATION if len(self.methods) > 1 else self.methods[0]

    def in_words(self, targets: Sequence[str], most: int | None = None) -> str:
        """The methods, with their weights; see `weights_in_words`."""
        if self.is_median:
            return f"median of {', '.join(self.methods)}"
        return weights_in_words(self.weights_of(targets), most)

    def weights_of(self, targets: Sequence[str]) -> Weights:
        """The weights by name."""
        return weights_by_name(targets, self.methods, self.weights)

    @property
    def counting(self) -> Combination:
        """The same without the partners that count nothing: the model stays."""
        if self.is_median or len(self.methods) == 1:
            return self
        shares = np.array(self.weights).T  # (M, K)
        kept = [number for number, each in enumerate(shares) if each.any() or not number]
        methods = tuple(self.methods[number] for number in kept)
        return replace(self, methods=methods, weights=tuple(map(tuple, shares[kept].T.tolist())))

    def rows_read(self, season: int) -> int:
        """Most rows of a history that one of the partners reads; 0 without any."""
        own = 0 if self.ridge is None else len(self.ridge.weights)
        return max(own, rows_read(set(self.methods[1:]) - {RIDGE}, season))

    def partner_forecasts(
        self, history: History, origins: Int[np.ndarray, " B"], horizon: int
    ) -> dict[str, Forecast]:
        """The forecast of each partner; see `baselines.naive` for arguments and result."""
        partners: dict[str, Partner] = {**PARTNERS}
        if self.ridge is not None:
            partners[RIDGE] = self.ridge
        each = {name: partners[name](history, origins, horizon) for name in self.methods[1:]}
        return {name: np.maximum(values, self.minimum) for name, values in each.items()}

    def all_methods(
        self, own: Forecast, history: History, origins: Int[np.ndarray, " B"]
    ) -> dict[str, Forecast]:
        """The combination, the model and each partner, by name.

        Args:
            own: what the model forecasts, in the user's units.
            history: all that is known before the origins.
            origins: last known row of each window.
        """
        partners = self.partner_forecasts(history, origins, own.shape[1])
        combined = self.of(np.stack([own, *partners.values()]))
        return {self.name: combined, self.methods[0]: own, **partners}

    def of(self, forecasts: Float[np.ndarray, "M B H K"]) -> Forecast:
        """One forecast of several.

        Args:
            forecasts: of each method, in the user's units.
        """
        if len(self.methods) == 1:
            return np.asarray(forecasts[0])
        if self.is_median:
            return np.asarray(np.median(forecasts, axis=0))
        return weighted(forecasts, np.array(self.weights))

    def shifted(
        self, values: Float[np.ndarray, "B H K Q"], history: History, origins: Int[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B H K Q"]:
        """A model's forecasts, moved so that the middle one is that of the combination.

        Partners forecast points; see `moved`.

        Args:
            values: the model's, in the user's units; the median is in the middle.
            history: all that is known before the origins.
            origins: last known row of each window.
        """
        counting = self.counting
        if len(counting.methods) == 1:
            return values
        point = values[..., values.shape[-1] // 2]
        combined = counting.all_methods(point, history, origins)[COMBINATION]
        if values.shape[-1] == 1:
            return np.asarray(combined[..., None])
        return self.moved(values, combined)

    def moved(
        self, values: Float[np.ndarray, "B H K Q"], combined: Forecast
    ) -> Float[np.ndarray, "B H K Q"]:
        """A model's forecasts about another middle, in the user's units.

        Quantiles keep their distances from it; those of a distribution their ratios, so that 0
        stays 0, and those of counts are whole numbers.
        """
        middle = values.shape[-1] // 2
        point = values[..., middle]
        if self.distribution is None or np.array_equal(combined, point):
            return np.asarray(np.maximum(values + (combined - point)[..., None], self.minimum))
        moved = values * (combined / np.where(point > 0, point, 1.0))[..., None]
        if self.distribution.whole_numbers:
            moved = np.rint(moved)
        moved[..., middle] = combined
        return np.asarray(np.maximum(moved, self.minimum))
