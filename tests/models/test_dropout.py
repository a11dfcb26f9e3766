"""Dropout: the share, the mean, and noise from a generator of one's own."""

import pytest
import torch

from forecast.models.dropout import dropped


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_is_dropped_and_the_mean_stays(share):
    values = torch.full((200, 500), 3.0)
    found = dropped(values, share, torch.Generator().manual_seed(0))
    assert (found == 0).double().mean().item() == pytest.approx(share, abs=0.01)
    assert found.double().mean().item() == pytest.approx(3.0, rel=0.05)
    torch.testing.assert_close(found[found != 0].unique(), torch.tensor([3 / (1 - share)]))


def test_noise_follows_from_the_generator_and_the_default_one_is_left_alone():
    values, state = torch.ones(100), torch.get_rng_state()
    first, again, other = (
        dropped(values, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_the_default_one_is_drawn_from():
    values = torch.ones(100)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first = dropped(values, 0.5, None)
        torch.manual_seed(3)
        assert torch.equal(dropped(values, 0.5, None), first)


def test_nothing_is_dropped_at_a_share_of_zero():
    values = torch.ones(3)
    assert dropped(values, 0.0, None) is values
