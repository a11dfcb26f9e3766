"""LSTMs with a projection give the same without one, whatever stands around them."""

import pytest
import torch
from torch import nn

from forecast.config.model import ModelConfig
from forecast.export.projection import without_projections
from forecast.models.stack import Stack

OPTIONS = {
    "one": {},
    "fused layers": {"num_layers": 3},
    "both directions": {"num_layers": 2, "bidirectional": True, "init": {"state": "learned"}},
    "apart": {"num_layers": 2, "layer_norm": True, "residual": True, "init": {"state": "learned"}},
    "dilated": {"num_layers": 2, "dilations": (2, 3), "init": {"state": "learned"}},
}


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # of oneDNN
@pytest.mark.parametrize("name", OPTIONS)
def test_outputs_are_the_same_and_go_on_from_the_last_state(name):
    config = ModelConfig.model_validate({"hidden_size": 7, "proj_size": 3, **OPTIONS[name]})
    stack = Stack(config, (7,) * config.num_layers, 4)
    generator = torch.Generator().manual_seed(3)
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.7, generator=generator)
    wide = without_projections(stack)
    inputs, further = torch.randn(2, 5, 6, 4, generator=generator).unbind()
    with torch.inference_mode():
        wanted, states = stack(inputs)
        found, wide_states = wide(inputs)
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(wide(further, wide_states)[0], stack(further, states)[0])
    assert not any(each.proj_size for each in wide.modules() if isinstance(each, nn.LSTM))


def test_what_has_no_projection_is_left_as_it_is():
    layer = nn.LSTM(2, 3)
    assert without_projections(layer) is layer
