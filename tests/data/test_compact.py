"""Texts numbered in runs, against the plain order in which they first appear."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.compact import distinct_in_runs


@given(st.lists(st.sampled_from(["a", "b", "", "NA", "ä"]), max_size=30))
def test_texts_in_runs_are_numbered_as_they_first_appear(texts):
    codes, distinct = distinct_in_runs(np.array([*texts], dtype=object))
    assert distinct.tolist() == [*dict.fromkeys(texts)]
    assert [distinct[code] for code in codes] == texts
