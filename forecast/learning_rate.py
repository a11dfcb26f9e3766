"""Chapter two of a training: `learning_rate: auto` becomes a number, by the range test."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from forecast.config.members import changes_in_words, with_own
from forecast.config.tree import Config
from forecast.errors import ConfigError
from forecast.prepare import Prepared, new_learner, of_member
from forecast.reporting.pictures import write_lr_range
from forecast.runs.folder import RunFolder
from forecast.training.device import on_device_if_it_fits
from forecast.training.lr_range import run_sweeps
from forecast.training.lr_rules import USUAL_RATE, LrFound, lr_found

log = logging.getLogger("forecast")

KEY = "training.learning_rate"


def with_learning_rate(
    prepared: Prepared, device: torch.device, folder: RunFolder | None = None
) -> Prepared:
    """With `learning_rate: auto` replaced by what the range test finds, for each member of its own.

    Args:
        prepared: data and configuration.
        device: where to train.
        folder: where to write the curve; None: nowhere.

    Raises:
        ConfigError: if the test suggests no rate.
    """
    config, known = prepared.config, dict[str, float]()
    if not config.listed:
        return replace(prepared, config=with_rate(config, _rate_of(prepared, device, folder)))
    own = []
    for number, member in enumerate(config.listed):
        what = member.model_dump_json()  # members that differ by seed alone have one rate
        if what not in known:
            if member.training.learning_rate == "auto":
                log.info("member %d: %s", number + 1, changes_in_words(config.training, number))
            # The curve of the first member that has one is kept.
            where = None if known else folder
            known[what] = _rate_of(of_member(prepared, number), device, where)
        own.append(known[what])
    return replace(prepared, config=with_own(with_rate(config, own[0]), KEY, own))


def _rate_of(prepared: Prepared, device: torch.device, folder: RunFolder | None) -> float:
    """The rate of a configuration, or what the range test finds in place of `auto`."""
    rate = prepared.config.training.learning_rate
    if isinstance(rate, float):
        return rate
    found = find_learning_rate(prepared, device)
    if folder is not None:
        write_lr_range(found, folder)
    if found.rate is not None:
        log.info("learning rate: %g (rule %s)", found.rate, found.rule)
        return found.rate
    if any(found.rates.values()):
        raise ConfigError(f"training.learning_rate: auto: {found.why_none}")
    log.warning("training.learning_rate: auto: %s", found.why_none)
    return found.kept


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
    return config.updated("training", learning_rate=rate)
