"""The combination of a model with partners: by hand."""

from dataclasses import replace

import numpy as np

from forecast.partners.combination import Combination
from forecast.partners.table import PARTNERS
from tests.partners.helpers import history_of, waves

HISTORY, ORIGINS = history_of(waves([40, 30], 4), 4)
OWN = np.arange(10.0).reshape(2, 5, 1)


def test_every_method_is_named_and_the_combination_is_their_weighted_mean():
    combination = Combination(("lstm", "theta", "ets"), ((0.5, 0.2, 0.3),))
    found = combination.all_methods(OWN, HISTORY, ORIGINS)
    assert [*found] == ["combination", "lstm", "theta", "ets"]
    theta, ets = (PARTNERS[name](HISTORY, ORIGINS, 5) for name in ("theta", "ets"))
    np.testing.assert_array_equal(found["theta"], theta)
    expected = 0.5 * OWN + 0.2 * theta + 0.3 * ets
    np.testing.assert_allclose(found["combination"], expected)


def test_the_median():
    combination = Combination(("lstm", "theta", "ets"), ((1 / 3,) * 3,), is_median=True)
    found = combination.all_methods(OWN, HISTORY, ORIGINS)
    middle = np.sort([found["lstm"], found["theta"], found["ets"]], axis=0)[1]
    np.testing.assert_array_equal(found["combination"], middle)


def test_what_counts_nothing_may_be_infinite():
    combination = Combination(("lstm", "theta"), ((0.0, 1.0),))
    found = combination.shifted(np.full((2, 5, 1, 1), np.inf), HISTORY, ORIGINS)
    np.testing.assert_array_equal(found[..., 0], PARTNERS["theta"](HISTORY, ORIGINS, 5))


def test_each_target_has_weights_of_its_own():
    combination = Combination(("lstm", "theta", "ets"), ((0.5, 0.5, 0.0), (1.0, 0.0, 0.0)))
    assert combination.counting.methods == ("lstm", "theta")
    history = replace(HISTORY, values=np.repeat(HISTORY.values, 2, axis=1))
    own = np.concatenate([OWN, np.full_like(OWN, 7)], axis=2)
    found = combination.shifted(own[..., None], history, ORIGINS)[..., 0]
    theta = PARTNERS["theta"](history, ORIGINS, 5)
    np.testing.assert_allclose(found[..., 0], (own + theta)[..., 0] / 2)
    np.testing.assert_array_equal(found[..., 1], own[..., 1])
    assert combination.in_words(["a", "b"]) == "a: lstm 0.50, theta 0.50; b: lstm 1.00"
    assert combination.in_words(["a", "b"], most=1) == "a: lstm 0.50, theta 0.50; ..."


def test_quantiles_keep_their_distances_and_their_order():
    combination = Combination(("lstm", "ets"), ((0.5, 0.5),))
    values = np.stack([OWN - 2, OWN, OWN + 1], axis=-1)
    found = combination.shifted(values, HISTORY, ORIGINS)
    middle = (OWN + PARTNERS["ets"](HISTORY, ORIGINS, 5)) / 2
    np.testing.assert_allclose(found, np.stack([middle - 2, middle, middle + 1], axis=-1))


def test_a_model_alone_is_left_as_it_is():
    combination = Combination(("lstm",))
    assert combination.name == "lstm"
    values = OWN[..., None]
    assert combination.shifted(values, HISTORY, ORIGINS) is values
    assert [*combination.all_methods(OWN, HISTORY, ORIGINS)] == ["lstm"]
