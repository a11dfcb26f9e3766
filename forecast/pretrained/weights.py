"""The weights that come with the package: read once a process, never written."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from forecast.errors import DataError
from forecast.models.initial_weights import shapes_alone
from forecast.pretrained.forecaster import PretrainedForecaster
from forecast.runs.checkpoint import load_checkpoint

WEIGHTS = Path(__file__).with_name("weights.safetensors")
KIND = "pretrained"


def pretrained_forecaster(
    season: int, is_point: bool = False, is_whole: bool = False
) -> PretrainedForecaster:
    """A network with the weights that come with the package, ready to forecast.

    Args:
        season: rows; 1: none.
        is_point: whether the median alone is wanted, or all quantiles.
        is_whole: whether it forecasts from whole histories alone, in a third of the time.

    Raises:
        DataError: if the file of the weights is missing or damaged.
    """
    state, units = _state()
    with shapes_alone():  # fresh weights would be drawn from the caller's random state
        model = PretrainedForecaster(season, is_point, units)
    own = {name: tensor.clone() for name, tensor in state.items()}  # training changes them
    model.network.load_state_dict(own, assign=True)
    model.is_whole = torch.tensor(is_whole)
    return model.eval()


@cache
def _state() -> tuple[dict[str, torch.Tensor], int]:
    """Weights, kept in half precision in the file, and the units of a layer."""
    tensors, content = load_checkpoint(WEIGHTS, KIND)
    try:
        units = int(content["units"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{WEIGHTS}: no weights of this program: {error!r}") from None
    return {name: tensor.float() for name, tensor in tensors.items()}, units
