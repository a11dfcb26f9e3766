"""Linear maps from the lookback to the horizon against loops, and that they begin as zero."""

import pytest
import torch
from torch import nn

from forecast.config.model import SkipName
from forecast.models.skips import SKIPS

VALUES = torch.arange(12.0).view(1, 6, 2).sin()


def test_table_holds_every_name_of_the_configuration():
    assert tuple(SKIPS) == SkipName.__args__
    assert SKIPS["none"](6, 5, 3) is None


@pytest.mark.parametrize("name", ["full", "segment"])
@pytest.mark.parametrize(("horizon", "segment"), [(5, 1), (5, 2), (6, 3), (2, 6), (1, 3)])
def test_it_begins_as_zero_and_has_the_horizons_steps(name, horizon, segment):
    skip = SKIPS[name](6, horizon, segment)
    found = skip(VALUES)
    assert found.shape == (1, horizon, 2)
    assert not found.any()


@pytest.mark.parametrize("horizon", [1, 4, 7])
def test_full_weighs_every_step_for_every_step(horizon):
    skip = SKIPS["full"](6, horizon, 3)
    nn.init.normal_(skip.map.weight)
    nn.init.normal_(skip.map.bias)
    found = skip(VALUES)
    for step in range(horizon):
        for target in range(2):
            expected = skip.map.bias[step].item()
            for row in range(6):
                expected += skip.map.weight[step, row].item() * VALUES[0, row, target].item()
            assert found[0, step, target].item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_segment_carries_a_season_on_by_hand():
    """Seasons of 3 steps: half of the last one and a quarter of that before, then as it was."""
    skip = SKIPS["segment"](6, 5, 3)
    with torch.no_grad():
        skip.map.weight.copy_(torch.tensor([[0.25, 0.5], [1.0, 0.0]]))
        skip.map.bias.copy_(torch.tensor([0.0, 10.0]))
    values = torch.tensor([4.0, 8.0, 12.0, 2.0, 4.0, 6.0]).view(1, 6, 1)
    assert skip(values).flatten().tolist() == [2.0, 4.0, 6.0, 14.0, 18.0]


def test_a_segment_of_one_step_is_full():
    segment, full = SKIPS["segment"](6, 4, 1), SKIPS["full"](6, 4, 1)
    nn.init.normal_(full.map.weight)
    segment.load_state_dict(full.state_dict())
    torch.testing.assert_close(segment(VALUES), full(VALUES))


@pytest.mark.parametrize(("lookback", "horizon", "segment"), [(6, 5, 3), (12, 24, 4), (6, 1, 1)])
def test_weights_are_counted_by_hand(lookback, horizon, segment):
    past, future = lookback // segment, -(-horizon // segment)
    counts = {
        name: sum(p.numel() for p in SKIPS[name](lookback, horizon, segment).parameters())
        for name in ("full", "segment")
    }
    assert counts == {"full": lookback * horizon + horizon, "segment": past * future + future}
