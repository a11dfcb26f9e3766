"""Statistics of what is known, beside NumPy's own."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.pretrained.known import least, mean, median, variance

PAIRS = [(mean, np.nanmean), (variance, np.nanvar), (median, np.nanmedian), (least, np.nanmin)]
VALUES = arrays(np.float64, (3, 5), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("axis", [0, 1])
@given(values=VALUES)
def test_they_are_those_of_numpy(ours, theirs, axis, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = theirs(values, axis=axis)
    np.testing.assert_allclose(ours(values, axis), expected, rtol=1e-9, atol=1e-4)


@pytest.mark.parametrize("ours", [mean, variance, median, least])
def test_nothing_known_is_no_number_and_no_warning(ours):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(ours(np.full((2, 3), np.nan))).all()
