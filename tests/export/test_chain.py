"""Transforms in the graph are those of the data, on any values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.transforms import Difference, Log, Log1p, MinMax, Power, Robust, Standardize
from forecast.data.chain import fit_chain
from forecast.export.chain import GraphChain, expm1, log1p

LENGTH, HORIZON, SERIES = 40, 5, 3
CHAINS = [
    (Log(), Difference(lag=4), Standardize()),
    (Log1p(), Difference(lag=3, order=2), MinMax(scope="global")),
    (Power(method="box_cox"), Robust()),
    (Power(scope="global"), Difference(), Difference(lag=7)),
    (Standardize(), Power(), MinMax()),
]


@pytest.mark.parametrize("options", CHAINS, ids=lambda chain: "-".join(o.key() for o in chain))
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-3, 1.0, 1e8]))
@settings(max_examples=8, deadline=None)
def test_a_chain_goes_there_and_back_as_in_the_data(options, seed, size):
    rng = np.random.default_rng(seed)
    values = size * (1 + rng.random((SERIES * LENGTH, 2)))
    offsets = np.arange(SERIES + 1) * LENGTH
    train = np.column_stack([offsets[:-1], offsets[1:]])
    chain = fit_chain(options, values, train, season=4)
    series = np.array([2, 0, 1, 2])
    graph, numbers = GraphChain(chain), torch.from_numpy(series)
    rows = values.reshape(SERIES, LENGTH, 2)[series]
    found = graph.transform(torch.from_numpy(rows), numbers).numpy()
    wanted = chain.apply(values, offsets).reshape(SERIES, LENGTH, 2)[series]
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)
    ahead = rng.normal(size=(4, HORIZON, 2, 3))
    found = graph.invert(torch.from_numpy(ahead), torch.from_numpy(rows), numbers).numpy()
    np.testing.assert_allclose(found, chain.invert(ahead, rows, series), rtol=1e-7)


@given(st.floats(-0.9, 50))
def test_small_logarithms_and_powers_keep_their_digits(value):
    given_value = torch.tensor(value, dtype=torch.float64)
    np.testing.assert_allclose(log1p(given_value), np.log1p(value), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(expm1(given_value), np.expm1(value), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("options", CHAINS[:3])
def test_what_has_no_image_is_nan(options):
    values = 1 + np.random.default_rng(0).random((LENGTH, 1))
    chain = fit_chain(options, values, np.array([[0, LENGTH]]), season=4)
    rows = torch.from_numpy(values[None].copy())
    rows[0, -1] = -3.0
    assert GraphChain(chain).transform(rows, torch.zeros(1, dtype=torch.long))[0, -1].isnan().all()
