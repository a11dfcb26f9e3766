"""How large the chunks of a batch are."""

import pytest

from forecast.config.model import ModelConfig
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.training.learner import chunk_windows


def chunk(batch, lookback=96, targets=1, **options):
    model = Forecaster(ModelConfig(**options), WindowShape(lookback, 24, targets))
    return chunk_windows(model, batch)


@pytest.mark.parametrize(
    ("batch", "options", "expected"),
    [
        (8, {"hidden_size": 64, "num_layers": 2}, 8),  # 8 * 96 * 128 = 98,304: not worth sharing
        (32, {"hidden_size": 64, "num_layers": 2}, 16),  # 393,216: two
        (256, {"hidden_size": 64, "num_layers": 2}, 32),  # 3,145,728: eight of 393,216
        (33, {"hidden_size": 64, "num_layers": 2}, 17),
        (32, {"hidden_size": 64}, 16),  # 196,608: worth sharing
        (1024, {"hidden_size": 32, "segment": 24}, 512),  # 131,072 exactly
        (1023, {"hidden_size": 32, "segment": 24}, 1023),
        (64, {"hidden_size": 256, "segment": 24, "lookback": 720}, 32),
        (1, {"hidden_size": 64, "lookback": 2**14}, 1),  # less than a window there is not
        (256, {"hidden_size": 64, "num_layers": 2, "batch_norm": True}, 256),
    ],
)
def test_a_chunk_fits_the_cache(batch, options, expected):
    assert chunk(batch, **options) == expected


def test_independent_channels_are_windows_of_their_own():
    options = {"hidden_size": 64, "lookback": 96, "targets": 4}
    assert chunk(64, **options) == 32
    assert chunk(64, channels="independent", **options) == 16
