"""Location and scale of a window against NumPy, and what the norms do not depend on."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from forecast.config.model import ModelConfig
from forecast.models.norms import WINDOW_NORMS

NUMBERS = st.floats(-1e3, 1e3).map(lambda number: round(number, 3))
WINDOWS = arrays(np.float64, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=NUMBERS)
NAMES = ("last", "segment_mean", "mean", "standard")


def slow_location_and_scale(name, window, segment):
    """Of one target's lookback, a list of numbers."""
    mean = sum(window) / len(window)
    end = window[len(window) - segment :]
    variance = sum((value - mean) ** 2 for value in window) / len(window)
    return {
        "last": (window[-1], 1.0),
        "segment_mean": (sum(end) / segment, 1.0),
        "mean": (mean, 1.0),
        "standard": (mean, (variance + 1e-5) ** 0.5),
    }[name]


def test_table_holds_every_name_of_the_configuration():
    assert ("none", *WINDOW_NORMS) == get_args(ModelConfig.model_fields["window_norm"].annotation)
    assert tuple(WINDOW_NORMS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@given(past=WINDOWS, data=st.data())
def test_each_target_of_each_window_has_its_own_location_and_scale(name, past, data):
    segment = data.draw(st.integers(1, past.shape[1]))
    location, scale = WINDOW_NORMS[name](torch.from_numpy(past), segment)
    assert location.shape == scale.shape == (len(past), 1, past.shape[2])
    for window in range(past.shape[0]):
        for target in range(past.shape[2]):
            expected = slow_location_and_scale(name, past[window, :, target].tolist(), segment)
            found = location[window, 0, target].item(), scale[window, 0, target].item()
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["last", "segment_mean", "mean", "standard"])
@given(past=WINDOWS, shift=NUMBERS)
def test_a_shift_moves_the_location_alone(name, past, shift):
    segment = 1 + past.shape[1] // 2
    location, scale = WINDOW_NORMS[name](torch.from_numpy(past), segment)
    shifted_location, shifted_scale = WINDOW_NORMS[name](torch.from_numpy(past + shift), segment)
    torch.testing.assert_close(shifted_location, location + shift, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(shifted_scale, scale, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("constant", [0.0, -7.5, 1e6])
def test_constant_window_stays_finite_and_centred(name, constant):
    past = torch.full((2, 5, 1), constant, requires_grad=True)
    location, scale = WINDOW_NORMS[name](past, 3)
    assert (scale > 0).all()
    normalised = (past - location) / scale
    assert (normalised == 0.0).all()
    normalised.sum().backward()
    assert past.grad.isfinite().all()
    assert scale[0].item() == pytest.approx(1e-5**0.5 if name == "standard" else 1.0)
