"""The rules of `fuzz/`, the one list of what every model obeys when it forecasts and is trained."""

import pytest

from fuzz.forecasters import check

TRIED = 7
"""Combinations of cell, head, normalisation, loss, skip and channels; neighbours differ in all."""


@pytest.mark.parametrize("number", range(TRIED))
def test_no_rule_is_broken(number, tmp_path):
    assert check(number, None, tmp_path) is None
