"""Horizons and rows held back, by hand; what follows from them is seen in test_propose.py."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.errors import ConfigError
from forecast.init.sizes import chosen_horizon, held_back, least_history
from tests.data.test_split import panel_of


@pytest.mark.parametrize(
    ("lengths", "season", "horizon"),
    [
        ([144], 12, 12),
        ([50], 12, 6),  # an eighth
        ([5], 1, 1),
        ([20] * 29, 1, 2),
        ([20] * 30, 1, 5),  # a quarter: many series
        ([40] * 30, 1, 6),
        ([5000], 1440, 96),
    ],
)
def test_the_usual_horizon_is_a_season_or_a_share_of_the_rows(lengths, season, horizon):
    assert chosen_horizon(panel_of(lengths), season, None) == horizon


@pytest.mark.parametrize(
    ("waiting", "known_ahead", "horizon"),
    [([5, 4], True, 4), ([14, 15], True, 14), ([5, 4], False, 12), ([14, 15], False, 14)],
)
def test_rows_that_wait_for_their_target_are_the_usual_horizon(waiting, known_ahead, horizon):
    """Covariates end with them: a forecast beyond would have to be left out."""
    ahead = panel_of(waiting)
    panel = replace(
        panel_of([144, 150]), ahead=ahead if known_ahead else replace(ahead, columns=())
    )
    assert chosen_horizon(panel, 12, None) == horizon
    assert chosen_horizon(panel, 12, 6) == 6


def test_a_horizon_may_leave_a_single_row():
    assert chosen_horizon(panel_of([4, 9]), 1, 8) == 8
    with pytest.raises(ConfigError, match="--horizon 9 is too long for 9 rows; give at most 8"):
        chosen_horizon(panel_of([4, 9]), 1, 9)
    with pytest.raises(ConfigError, match="--horizon 0 is not allowed"):
        chosen_horizon(panel_of([4, 9]), 1, 0)


@pytest.mark.parametrize(
    ("lengths", "horizon", "validation", "test", "train"),
    [
        ([144], 12, 14, 28, [102]),
        ([100, 100], 12, 12, 20, [68, 68]),
        ([19, 19], 6, 6, 6, [13, 13]),  # 3 + 6 rows for training, 10 to spare: one part each
        ([21, 19], 6, 6, 6, [9, 13]),
        ([21], 6, 6, 6, [9]),
        ([20], 6, 6, 0, [14]),
        ([15, 9], 6, 6, 0, [9, 9]),
        ([14, 14], 6, 0, 0, [14, 14]),
        ([7], 6, 0, 0, [7]),
    ],
)
def test_validation_and_test_leave_a_window_to_train_on(lengths, horizon, validation, test, train):
    held = held_back(panel_of(lengths), horizon, 2)
    assert (held.validation, held.test, held.train.tolist()) == (validation, test, train)


def test_a_window_knows_three_rows_or_as_few_as_there_are():
    def least(lengths, train, lost=0):
        return least_history(np.array(lengths), np.array(train), lost, horizon=6)

    assert least([60, 20], [48, 20]) == 3
    assert least([60, 10], [48, 8]) == 2
    assert least([60, 10], [48, 8], lost=1) == 1
    assert least([60, 2], [48, 2]) == 2  # of which none trains, but is forecast
    assert least([60, 1], [48, 1], lost=1) == 1
