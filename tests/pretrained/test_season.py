"""Histories without their season, and their gaps."""

import numpy as np

from forecast.pretrained.season import decomposed, filled, most_rows

WAVE = np.array([6.0, -2, -1, -3])


def test_gaps_are_filled_on_the_line_between_their_neighbours():
    values = np.array([[np.nan, 1.0, np.nan, 3.0, np.nan]])
    np.testing.assert_array_equal(filled(values), [[np.nan, 1.0, 2.0, 3.0, 3.0]])


def test_three_seasons_are_read_at_least():
    assert most_rows(365) == 1095
    assert most_rows(1) == 84
    assert most_rows(24, 168) == 504


def test_a_gap_in_a_seasonal_history_follows_the_season():
    values = (20 + np.tile(WAVE, 10))[None].copy()
    whole = values.copy()
    values[0, [17, 30]] = np.nan
    found = decomposed(values, 4, 0)
    np.testing.assert_allclose(found.values, whole, atol=1.0)
    assert not found.known[0, [17, 30]].any()


def test_the_season_of_a_wave_is_found_and_that_of_noise_is_none():
    wave = decomposed((20 + np.tile(WAVE, 10))[None], 4, 0)
    np.testing.assert_allclose(wave.additive[0], WAVE, atol=1e-9)  # the first step ahead is first
    np.testing.assert_allclose(wave.without_difference, 20)
    noise = decomposed(20 + np.random.default_rng(0).normal(size=(200, 40)), 4, 0)
    assert np.median(np.abs(noise.additive)) < 0.1


def test_two_seasons_and_a_row_are_needed():
    assert not decomposed((20 + np.tile(WAVE, 2))[None], 4, 0).additive.any()
    assert decomposed((20 + np.tile(WAVE, 3))[None], 4, 0).additive.any()
