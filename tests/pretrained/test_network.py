"""The network before training, and its quantiles."""

import numpy as np
import torch

from forecast.pretrained.features import features
from forecast.pretrained.network import LEVELS, MEDIAN, TRUST, Network


def inputs(count=3, horizon=5):
    values = 20 + np.random.default_rng(0).normal(size=(count, 40)).cumsum(axis=1)
    told = features(values, 4, horizon)
    return told, [
        torch.from_numpy(getattr(told, name))
        for name in ("encoder", "decoder", "methods", "errors", "spread", "width")
    ]


def test_before_training_it_is_the_mixture_that_the_errors_suggest():
    told, tensors = inputs()
    weights = np.exp(-TRUST * told.errors)
    weights /= weights.sum(axis=1, keepdims=True)
    expected = (told.methods * weights[:, None]).sum(axis=-1)
    median = Network(8)(*tensors)[..., MEDIAN]
    np.testing.assert_allclose(median.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_quantiles_never_cross():
    torch.manual_seed(0)
    network = Network(8)
    for weight in network.parameters():
        torch.nn.init.normal_(weight)
    quantiles = network(*inputs()[1])
    assert quantiles.shape == (3, 5, len(LEVELS))
    assert (quantiles.diff(dim=-1) >= 0).all()
