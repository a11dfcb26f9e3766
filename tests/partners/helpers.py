"""Tables and histories that the tests of the partners share."""

import numpy as np

from forecast.evaluation.baselines import History
from forecast.partners.histories import Histories


def history_of(series, season):
    """A history of one target, and the last row of each series."""
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in series])])
    values = np.concatenate(series).astype(float)[:, None]
    return History(values, offsets, season), offsets[1:] - 1


def waves(lengths, season, seed=0, slope=0.3, noise=0.5):
    """Positive series with a trend, a season and noise."""
    random = np.random.default_rng(seed)
    found = []
    for rows in lengths:
        steps = np.arange(rows)
        wave = 3 * np.sin(steps * 2 * np.pi / season) if season > 1 else 0.0
        found.append(20 + slope * steps + wave + random.normal(0, noise, rows))
    return found


def aligned(series, season):
    """Histories of several series, the longest first."""
    longest = max(map(len, series))
    values = np.full((longest, len(series)), np.nan)
    for number, each in enumerate(series):
        values[longest - len(each) :, number] = each
    return Histories(values, np.array([len(each) for each in series]), season)
