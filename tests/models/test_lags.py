"""Lags as inputs: each step's own value of the past, or the last one that is known."""

import itertools

import torch

from forecast.config.model import ModelConfig
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.models.lags import lagged


def test_each_step_is_told_the_last_value_so_many_rows_before_it_that_is_known():
    values = torch.arange(20.0)[None, :, None]
    lookback, horizon, lags = 6, 9, (4, 9, 14)
    past, ahead = lagged(values, lookback, horizon, lags)
    origin = 19
    for number, lag in enumerate(lags):
        assert past[0, :, number].tolist() == [origin - lookback + 1 + n - lag for n in range(6)]
        for step in range(1, horizon + 1):
            back = next(times * lag for times in itertools.count(1) if times * lag >= step)
            assert ahead[0, step - 1, number] == origin + step - back


def network(head, **options):
    torch.manual_seed(0)
    sizes = {"lookback": 6, "horizon": 5, "num_targets": 2, "lags": (3, 8)}
    config = ModelConfig.model_validate(
        {"hidden_size": 4, "segment": 3, "head": head, "channels": "joint", **options}
    )
    return Forecaster(config, WindowShape(**sizes)).eval()


def test_more_rows_than_are_read_change_nothing_and_all_that_are_read_count():
    for head, norm, channels in itertools.product(
        ("direct", "recursive", "parallel"), ("none", "standard"), ("joint", "independent")
    ):
        model = network(head, window_norm=norm, channels=channels)
        past = torch.randn(3, 20, 2, requires_grad=True)
        nothing = torch.zeros(3, 5, 0), torch.zeros(3, 0)
        forecast = model(past, *nothing)
        torch.testing.assert_close(forecast, model(past[:, -14:], *nothing), rtol=0, atol=0)
        forecast.sum().backward()
        is_read = (past.grad != 0).all(dim=(0, 2))
        # A recursive head tells each segment of the next one, so none of the first.
        first = 9 if head == "recursive" else 6
        assert is_read.tolist() == [row >= first for row in range(20)]


def test_a_lag_is_normalised_with_its_window():
    for norm in ("last", "mean", "standard", "segment_mean"):
        model = network("direct", window_norm=norm)
        past, nothing = torch.randn(3, 14, 2).double(), (torch.zeros(3, 5, 0), torch.zeros(3, 0))
        model, nothing = model.double(), tuple(each.double() for each in nothing)
        shifted = model(past + 7, *nothing)
        torch.testing.assert_close(shifted, model(past, *nothing) + 7)
