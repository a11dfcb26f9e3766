"""What is said of medians that are zero."""

import numpy as np

from forecast.evaluation.zeros import ZeroMedians

ACTUAL = np.array([0.0, 0, 4, np.nan])[:, None, None]
MEDIAN = np.array([0.0, 0.01, 1, 0])[:, None, None]


def test_zero_medians_are_counted_where_something_was_observed():
    found = ZeroMedians.none(1).add(ACTUAL, MEDIAN, MEDIAN + 1, np.array([2.0]))
    assert (found.steps, found.zeros, found.actual) == ([3], [2], [4.0])
    assert found.sentences(["y"], True, "") == [
        "The median is 0 at 67 % of the test steps: for totals read the forecast, which is the mean"
        " (1.34; 1.33 came)."
    ]
    (alone,) = found.sentences(["y"], False, "negative_binomial")
    assert alone.endswith(
        "for totals take training.loss: negative_binomial, which forecasts the mean."
    )
    assert ZeroMedians.none(1).sentences(["y"], True, "") == []
    often = ZeroMedians.none(1).add(ACTUAL, MEDIAN + 1, MEDIAN, np.array([2.0]))
    assert often.sentences(["y"], True, "") == []


def test_what_is_near_zero_and_what_came_are_told_of_each_target_alone():
    actual, median = (np.concatenate([each, each + 100], axis=2) for each in (ACTUAL, MEDIAN))
    found = ZeroMedians.none(2).add(actual, median, median, np.array([2.0, 101.0]))
    (sentence,) = found.sentences(["rain", "cups"], False, "tweedie")
    assert sentence.startswith("The forecast of rain, a median, is 0 at 67 % of the test steps,")
    assert "where 1.33 came" in sentence
    swapped = ZeroMedians.none(2).add(actual, median, median, np.array([2.0, 3000.0]))
    assert len(swapped.sentences(["rain", "cups"], False, "tweedie")) == 2
