"""What is said of medians that are zero."""

import numpy as np

from forecast.evaluation.zeros import ZeroMedians

ACTUAL = np.array([0.0, 0, 4, np.nan])[:, None, None]
MEDIAN = np.array([0.0, 0.01, 1, 0])[:, None, None]


def test_zero_medians_are_counted_where_something_was_observed():
    found = ZeroMedians().add(ACTUAL, MEDIAN, MEDIAN + 1, size=2.0)
    assert (found.steps, found.zeros, found.actual) == (3, 2, 4.0)
    assert found.sentences(True, "") == [
        "The median is 0 at 67 % of the test steps: for totals read the forecast, which is the mean"
        " (1.34; 1.33 came)."
    ]
    (alone,) = found.sentences(False, "negative_binomial")
    assert alone.endswith(
        "for totals take training.loss: negative_binomial, which forecasts the mean."
    )
    assert ZeroMedians().sentences(True, "") == []
    assert ZeroMedians().add(ACTUAL, MEDIAN + 1, MEDIAN, 2.0).sentences(True, "") == []
