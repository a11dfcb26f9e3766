"""Chapter two of a training: `learning_rate: auto` becomes a number, by the range test."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from forecast.config.tree import Config
from forecast.errors import ConfigError
from forecast.prepare import Prepared, new_learner
from forecast.reporting.pictures import write_lr_range
from forecast.runs.folder import RunFolder
from forecast.training.device import on_device_if_it_fits
from forecast.training.lr_range import USUAL_RATE, LrFound, lr_found, run_sweeps

log = logging.getLogger("forecast")


def with_learning_rate(
    prepared: Prepared, device: torch.device, folder: RunFolder | None = None
) -> Prepared:
    """With `learning_rate: auto` replaced by what the range test finds.

    Args:
        prepared: data and configuration.
        device: where to train.
        folder: where to write the curve; None: nowhere.

    Raises:
        ConfigError: if the test suggests no rate.
    """
    if isinstance(prepared.config.training.learning_rate, float):
        return prepared
    found = find_learning_rate(prepared, device)
    if folder is not None:
        write_lr_range(found, folder)
    if found.rate is not None:
        log.info("learning rate: %g (rule %s)", found.rate, found.rule)
        return replace(prepared, config=with_rate(prepared.config, found.rate))
    if any(found.rates.values()):
        raise ConfigError(f"training.learning_rate: auto: {found.why_none}")
    log.warning("training.learning_rate: auto: %s", found.why_none)
    return replace(prepared, config=with_rate(prepared.config, found.kept))


def find_learning_rate(prepared: Prepared, device: torch.device) -> LrFound:
    """The learning-rate range test on the training windows, from several seeds."""
    options = prepared.config.training.lr_range
    sweeps = run_sweeps(
        lambda seed: new_learner(prepared, device, options.first, seed),
        on_device_if_it_fits(prepared.windows, device)["train"],
        options,
        prepared.config.seed,
    )
    rate = prepared.config.training.learning_rate
    kept = rate if isinstance(rate, float) else USUAL_RATE
    return lr_found(sweeps, options.rule, options.last, kept)


def with_rate(config: Config, rate: float) -> Config:
    """The configuration with a fixed learning rate."""
    training = config.training.model_copy(update={"learning_rate": rate})
    return config.model_copy(update={"training": training})
