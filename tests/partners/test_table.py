"""What holds for every partner: scale, shift, lengths, odd histories, and who sees what."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.evaluation.baselines import History, seasonal_naive
from forecast.partners.table import PARTNERS
from tests.partners.helpers import history_of, waves

HORIZON = 6
SEEDS = st.integers(0, 99)
SINGLE = 1e-5
"""Relative error of a network in single precision."""
each_partner = pytest.mark.parametrize("partner", PARTNERS.values(), ids=PARTNERS)
SMOOTHERS = {name: PARTNERS[name] for name in ("theta", "ets")}
each_smoother = pytest.mark.parametrize("partner", SMOOTHERS.values(), ids=SMOOTHERS)


@each_smoother
@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 99), season=st.sampled_from([1, 4]))
def test_a_forecast_scales_with_its_series(partner, factor, seed, season):
    series = waves([30, 41], season, seed)
    plain = partner(*history_of(series, season), HORIZON)
    scaled = partner(*history_of([factor * each for each in series], season), HORIZON)
    np.testing.assert_allclose(scaled, factor * plain, rtol=1e-6)


@each_smoother
@settings(max_examples=15, deadline=None)
@given(
    shift=st.sampled_from([-5, -3.5, 3.5, 5]),
    sign=st.sampled_from([-1, 1]),
    seed=st.integers(0, 99),
)
def test_a_forecast_without_a_season_moves_with_its_series(partner, shift, sign, seed):
    series = waves([30, 41], 1, seed)  # between 20 and 33: what is moved stays away from zero
    plain = partner(*history_of(series, 1), HORIZON)
    moved = partner(*history_of([sign * each + 20 * shift for each in series], 1), HORIZON)
    np.testing.assert_allclose(moved, sign * plain + 20 * shift, rtol=1e-5, atol=1e-5)


@each_partner
@pytest.mark.parametrize("season", [1, 4, 12])
def test_a_constant_series_stays_constant(partner, season):
    series = [np.full(rows, level) for rows in (3, 40, 300) for level in (0.0, 7.3, -1e-200, 1e300)]
    found = partner(*history_of(series, season), HORIZON)
    expected = np.array([each[-1] for each in series])
    np.testing.assert_array_equal(found, np.tile(expected[:, None, None], (1, HORIZON, 1)))


@each_smoother
def test_an_origin_early_in_the_first_series_of_a_table_is_forecast(partner):
    """Parameters were looked for a few rows before the table began."""
    history, _ = history_of([np.arange(5.0)], 1)
    found = partner(history, np.array([2]), 1)
    alone = partner(*history_of([np.arange(3.0)], 1), 1)
    np.testing.assert_array_equal(found, alone)


@each_smoother
def test_fewer_than_three_values_are_forecast_by_seasonal_naive(partner):
    unknown = [np.nan] * 5
    series = [np.array([4.0]), np.array([4.0, 5.0]), np.array([*unknown, 3.0, 6.0])]
    history, origins = history_of(series, 2)
    np.testing.assert_array_equal(
        partner(history, origins, HORIZON), seasonal_naive(history, origins, HORIZON)
    )


@each_partner
@pytest.mark.parametrize("season", [1, 4])
def test_every_short_or_huge_history_is_forecast(partner, season):
    random = np.random.default_rng(1)
    series = [random.normal(0, size, rows) for rows in range(3, 24) for size in (1e-300, 1, 1e306)]
    series += [np.array([0.0] * 20 + [1.0]), np.array([1.0] + [0.0] * 20), np.arange(3.0)]
    assert np.isfinite(partner(*history_of(series, season), HORIZON)).all()


@each_partner
@pytest.mark.parametrize("season", [1, 4])
def test_a_window_is_forecast_alike_beside_any_others(partner, season):
    series = waves([9, 60, 23, 260], season)
    history, origins = history_of(series, season)
    origins = np.concatenate([origins, origins - 3, origins - 1])
    together = partner(history, origins, HORIZON)
    alone = [partner(history, origins[[number]], HORIZON)[0] for number in range(len(origins))]
    np.testing.assert_allclose(together, np.stack(alone), rtol=SINGLE)


@each_partner
def test_nothing_after_the_origin_no_other_series_and_no_other_target_is_seen(partner):
    history, _ = history_of(waves([50, 260], 4), 4)
    table = np.column_stack([history.values, history.values**2])
    origins = np.array([30, 300])
    before = partner(History(table, history.offsets, 4), origins, HORIZON)
    np.testing.assert_allclose(before[..., :1], partner(history, origins, HORIZON), rtol=SINGLE)
    table[31:50] = np.nan
    table[301:] = 1e9
    np.testing.assert_array_equal(before, partner(History(table, history.offsets, 4), origins, 6))


@each_partner
def test_rows_before_the_first_known_value_do_not_count(partner):
    (series,) = waves([40], 4)
    late = np.concatenate([np.full(8, np.nan), series])
    np.testing.assert_allclose(
        partner(*history_of([late], 4), HORIZON),
        partner(*history_of([series], 4), HORIZON),
        rtol=SINGLE,
    )


@each_partner
def test_a_missing_value_changes_little(partner):
    (series,) = waves([48], 4, noise=0.1)
    whole = partner(*history_of([series], 4), HORIZON)
    series[[20, 21, 45, 47]] = np.nan
    np.testing.assert_allclose(partner(*history_of([series], 4), HORIZON), whole, rtol=0.03)


@each_partner
def test_a_long_series_is_read_from_where_its_end_begins(partner):
    (series,) = waves([1000], 4)
    history, origins = history_of([series], 4)
    before = partner(history, origins, HORIZON)
    history.values[:700] = -1e6
    np.testing.assert_array_equal(partner(history, origins, HORIZON), before)
