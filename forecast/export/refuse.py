"""What cannot be exported, refused with option and value."""

from __future__ import annotations

from forecast.errors import ConfigError, listed
from forecast.forecasting.trained import TrainedModel


def refuse(trained: TrainedModel) -> None:
    """Raise a ConfigError for the first option that ONNX has nothing for.

    Args:
        trained: the model.
    """
    days = trained.pipeline.covariates.days
    if days and trained.tail.axis.ticks:
        raise ConfigError(
            f"special days {listed(each.name for each in days)} cannot be exported with"
            " data.frequency: index: how long the next steps are is not known to a file; train"
            " without data.holidays and data.terms, or with a frequency of dates"
        )
