"""Series that never change, against loops, and what becomes of them in a pipeline."""

import numpy as np
import pytest

from forecast.data.constants import constant_values, first_changes
from fuzz import units

VALUES = np.array([[3.0, 1], [3, 2], [np.nan, 2], [3, 2], [0, 0], [0, 0], [0.1, 5], [5, 5]])
OFFSETS = np.array([0, 4, 6, 8])


def test_values_that_are_constant_in_some_rows():
    rows = np.array([[0, 3], [4, 6], [6, 7]])
    np.testing.assert_array_equal(constant_values(VALUES, rows), [[3, np.nan], [0, 0], [0.1, 5]])
    assert np.isnan(constant_values(VALUES, np.array([[0, 0], [4, 4], [6, 6]]))).all()
    rounded = np.array([[0.1 + 0.2], [0.3]])
    assert constant_values(rounded, np.array([[0, 2]])) == pytest.approx(0.3)


def test_first_rows_that_are_not_the_constant():
    constants = np.array([[3.0, np.nan], [0.1, 5], [3, np.nan], [0, 0]])
    found = first_changes(VALUES, OFFSETS, np.array([0, 2, 0, 1]), constants)
    np.testing.assert_array_equal(found, [[8, 8], [7, 8], [8, 8], [8, 8]])


@pytest.mark.parametrize("number", [0, 5])
def test_the_unit_of_a_panel_changes_nothing(number, tmp_path):
    assert units.check(number, None, tmp_path) is None
