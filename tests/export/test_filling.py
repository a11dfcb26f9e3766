"""Gaps are filled in the graph as in the data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.missing import fill
from forecast.export.filling import filled, from_first_usable


@pytest.mark.parametrize("missing", ["interpolate", "forward_fill"])
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.3, 0.8, 1.0]))
@settings(max_examples=25, deadline=None)
def test_gaps_are_filled_as_in_the_data(missing, seed, share):
    rng = np.random.default_rng(seed)
    windows, rows, columns = rng.integers(1, [4, 12, 4])
    values = rng.normal(size=(windows, rows, columns))
    values[rng.random(values.shape) < share] = np.nan
    ends = np.arange(windows + 1) * rows
    wanted = fill(values.reshape(-1, columns), ends, ends, missing).reshape(values.shape)
    found = filled(torch.from_numpy(values), has_lines=missing == "interpolate")
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_the_first_whole_row_stands_for_those_before_it():
    nan = torch.nan
    rows = torch.tensor([[[nan, 1], [2, nan], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6], [7, 8]]])
    assert from_first_usable(rows).tolist() == [[[3, 4]] * 3 + [[5, 6]], rows[1].tolist()]
    assert from_first_usable(rows[:1, :2]).isnan().any()
