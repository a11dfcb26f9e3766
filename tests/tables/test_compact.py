"""Texts numbered in runs, against the order in which they first appear; rows that are kept."""

import tracemalloc
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.tables import compact
from forecast.tables.compact import as_they_appear, distinct_in_runs, kept_rows


@given(st.lists(st.sampled_from(["a", "b", "", "NA", "ä"]), max_size=30))
def test_texts_in_runs_are_numbered_as_they_first_appear(texts):
    codes, distinct = distinct_in_runs(np.array([*texts], dtype=object))
    assert distinct.tolist() == [*dict.fromkeys(texts)]
    assert [distinct[code] for code in codes] == texts


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([1, 7, 1000]))
def test_kept_rows_are_those_of_a_mask(flags, stretch):
    is_kept, values = np.array(flags, dtype=bool), np.arange(2.0 * len(flags)).reshape(-1, 2)
    with mock.patch.object(compact, "ROWS_AT_ONCE", stretch):
        np.testing.assert_array_equal(kept_rows(values, is_kept), values[is_kept])


def test_kept_rows_take_no_more_room_than_they_fill():
    values, is_kept = np.zeros((2**21, 1)), np.arange(2**21) % 5 > 0
    tracemalloc.start()
    kept = kept_rows(values, is_kept)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.3 * kept.nbytes


def test_texts_are_numbered_as_they_first_appear():
    codes, texts = np.array([2, 2, -1, 0, 2]), np.array(["a", "unused", "c"], dtype=object)
    numbers, used = as_they_appear(codes, texts)
    assert numbers.tolist() == [0, 0, -1, 1, 0]
    assert used.tolist() == ["c", "a"]
    again, same = as_they_appear(numbers, used)
    assert again is numbers
    assert same is used
