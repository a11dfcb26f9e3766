"""The first weights of a network, whatever the process around it has set."""

import pytest
import torch
from torch import nn

from forecast.training.seeds import seeded


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_are_float32_whatever_another_thread_has_set(dtype):
    """The default type is one for all threads, and set at any moment."""
    made = []
    for default in (torch.float32, dtype):
        with seeded(3):
            torch.set_default_dtype(default)
            try:
                parts = [nn.LSTM(2, 3), nn.Embedding(4, 2), nn.Linear(2, 1), nn.BatchNorm1d(2)]
            finally:
                torch.set_default_dtype(torch.float32)
        made.append(nn.ModuleList(parts).state_dict())
    torch.testing.assert_close(made[1], made[0], rtol=0, atol=0)
