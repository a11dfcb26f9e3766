"""One pass of smoothing, beside a slow loop with first states by least squares."""

import numpy as np
import pytest

from forecast.partners.smoothing import Settings, continued, smooth
from tests.partners.helpers import aligned, waves


def slow(series, alpha, beta, phi, level, trend):
    """Errors a step ahead of the recursion, and the last states."""
    errors = []
    for value in series:
        ahead = level + phi * trend
        error = 0.0 if np.isnan(value) else value - ahead
        level, trend = ahead + alpha * error, phi * trend + beta * error
        errors.append(error)
    return np.array(errors), level, trend


@pytest.mark.parametrize("phi", [0.0, 0.9, 1.0])
def test_a_pass_is_that_of_a_slow_loop_with_the_best_first_states(phi):
    series = waves([30, 21, 12], 1)
    series[1][[7, 8]] = np.nan
    histories = aligned(series, 1)
    alpha, beta = 0.4, 0.1 if phi else 0.0
    settings = Settings(*(np.array([[each]]) for each in (alpha, beta, phi)))
    weights = np.random.default_rng(0).uniform(0.5, 2, histories.values.shape)
    found = smooth(histories, settings, weights)
    for number, each in enumerate(series):
        root = np.sqrt(weights[len(weights) - len(each) :, number])
        zero, *_ = slow(each, alpha, beta, phi, 0.0, 0.0)
        units = [(1.0, 0.0), (0.0, 1.0)][: 2 if phi else 1]
        # Errors are linear in the first states, so that least squares gives the best ones.
        columns = [slow(each, alpha, beta, phi, *unit)[0] - zero for unit in units]
        design = np.column_stack(columns) * root[:, None]
        first = np.zeros(2)
        first[: len(units)] = np.linalg.lstsq(design, -zero * root, rcond=None)[0]
        errors, level, trend = slow(each, alpha, beta, phi, *first)
        np.testing.assert_allclose(found.squares[number], ((errors * root) ** 2).sum(), rtol=1e-6)
        np.testing.assert_allclose(found.level[number], level, rtol=1e-7)
        np.testing.assert_allclose(found.trend[number], trend, rtol=1e-6, atol=1e-9)
        ahead = continued(found, settings, 3)[:, number, 0]
        expected = [level + trend * sum(phi**step for step in range(1, h + 1)) for h in (1, 2, 3)]
        np.testing.assert_allclose(ahead, expected, rtol=1e-7)
