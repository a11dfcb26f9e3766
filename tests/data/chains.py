"""Series and chains of transforms that the tests of transforms and of chains share."""

from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from forecast.config.transforms import Difference, Log, Log1p, MinMax, Power, Robust, Standardize
from forecast.data.chain import FittedChain, fit_chain

SEASON = 4
SCOPES = ("per_series", "global")
OPTIONS = (
    Log(),
    Log1p(),
    *(
        Power(method=method, scope=scope)
        for method in ("box_cox", "yeo_johnson")
        for scope in SCOPES
    ),
    Difference(),
    Difference(lag=2, order=2),
    Difference(lag=SEASON),
    Difference(lag="auto"),
    *(kind(scope=scope) for kind in (Standardize, MinMax, Robust) for scope in SCOPES),
)


@dataclass(frozen=True)
class Data:
    values: np.ndarray
    offsets: np.ndarray
    train: np.ndarray

    def of(self, series: int) -> np.ndarray:
        return self.values[self.offsets[series] : self.offsets[series + 1]]

    def scales(self) -> np.ndarray:
        """(S, 1, 1) the largest absolute value of each series."""
        largest = [np.nanmax(np.abs(self.of(s)), initial=0) for s in range(len(self.train))]
        return np.array(largest)[:, None, None]


def data_of(*series: np.ndarray, train: list[int] | None = None) -> Data:
    arrays = [np.asarray(one, dtype=float) for one in series]
    columns = [one if one.ndim == 2 else one[:, None] for one in arrays]
    lengths = [len(one) for one in columns]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    counts = lengths if train is None else train
    return Data(
        np.concatenate(columns), offsets, np.column_stack([offsets[:-1], offsets[:-1] + counts])
    )


def random_data(seed: int, signed: bool = False, missing: float | None = None) -> Data:
    """Some series of different lengths and several columns: level, season, random walk, NaN."""
    random = np.random.default_rng(seed)
    width = random.integers(1, 4)
    level = 10 ** random.uniform(-3, 6)
    share = random.choice([0, 0.1]) if missing is None else missing
    series, train = [], []
    for length in random.integers(20, 50, random.integers(1, 5)):
        time = np.arange(length)[:, None]
        season = random.uniform(0, 0.5) * np.sin(2 * np.pi * time / SEASON)
        walk = random.uniform(0, 0.1) * random.normal(size=(length, width)).cumsum(axis=0)
        values = level * 10 ** random.uniform(-1, 1, width) * np.exp(season + walk)
        values[random.random((length, width)) < share] = np.nan
        series.append(values - signed * np.nanmean(values))
        train.append(int(length * random.uniform(0.3, 0.9)))
    return data_of(*series, train=train)


def fit(data: Data, *options, season: int = SEASON) -> FittedChain:
    return fit_chain(options, data.values, data.train, season)


seeds = st.integers(0, 2**32 - 1)
quick = settings(suppress_health_check=[HealthCheck.filter_too_much])
