"""What a configuration says about training; losses, optimisers and schedules have own files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator

from forecast.config.losses import LossOption, MeanSquared
from forecast.config.optimizers import Adam, OptimizerOption
from forecast.config.options import (
    LARGEST,
    Count,
    CountOrZero,
    Fraction,
    IncompatibleKeysError,
    Section,
    path_text,
)
from forecast.config.schedules import AveragingOption, Constant, NoAveraging, ScheduleOption


class EarlyStoppingConfig(Section):
    """Stop when validation no longer improves; the best weights are kept."""

    patience: Count = 20
    """Epochs without improvement before training stops."""
    min_delta: NonNegativeFloat = 0.0
    """Smallest fall of the validation loss that counts as improvement."""
    smoothing: Fraction = 0.0
    """Weight of the past in the mean of validation losses that is watched; 0: each by itself."""


class LrRangeConfig(Section):
    """The learning-rate range test (Smith 2017)."""

    first: PositiveFloat = 1e-6
    """Rate of the first mini-batch."""
    last: PositiveFloat = 10.0
    """Rate at which the test ends if the loss has not diverged."""
    steps: Annotated[int, Field(ge=20, le=LARGEST)] = 160
    """Mini-batches from first to last."""
    smoothing: Fraction = 0.9
    """Weight of the past in the smoothed loss."""
    rule: Literal["half_divergence", "steepest", "valley", "minimum_tenth"] = "steepest"
    """Suggestion that `learning_rate: auto` takes."""
    seeds: Count = 3
    """Repetitions, each from other weights and another order; the median counts."""

    @model_validator(mode="after")
    def _rate_rises(self) -> LrRangeConfig:
        if self.first >= self.last:
            raise IncompatibleKeysError(
                f"first {self.first:g} must be below last {self.last:g}", "first", "last"
            )
        return self


MOST_MEMBERS = 100
"""Members at most that are listed one by one."""
Changes = dict[str, Any]
"""Of a member of an ensemble: dotted keys and their values, as an override has them."""
MOST_BY_SEED = 1_000
"""Members at most that differ by their seed: more add nothing but time."""
BySeed = Annotated[int, Field(gt=0, le=MOST_BY_SEED)]
Ensemble = BySeed | Annotated[tuple[Changes, ...], Field(min_length=1, max_length=MOST_MEMBERS)]


class TrainingConfig(Section):
    """How the model is trained."""

    loss: LossOption = MeanSquared()
    """mse, mae, huber, log_cosh, quantile; poisson, negative_binomial, tweedie; cross_entropy."""
    series_weights: Literal["equal", "mase", "mixed"] = "equal"
    """equal; mase: over the mean seasonal (else row to row) change; mixed: the mean of both."""
    step_weights: Annotated[tuple[NonNegativeFloat, ...], Field(fail_fast=True)] | None = None
    """Weight of each horizon step in the loss; none weighs them alike."""
    optimizer: OptimizerOption = Adam()
    """gd (full batch), sgd, adagrad, adadelta, rmsprop, adam, adamw; each with its options."""
    learning_rate: PositiveFloat | Literal["auto"] = 1e-3
    """A rate, or auto: the learning-rate range test chooses it before training."""
    schedule: ScheduleOption = Constant()
    """constant, step, exponential, cosine, one_cycle, plateau; each with its options."""
    warmup: CountOrZero = 0
    """Epochs over which the rate rises linearly from zero to the schedule."""
    batch_size: Count = 32
    """Windows in a mini-batch."""
    sampling: Literal["all", "uniform"] = "all"
    """all: every window, long series weigh more; uniform: every series alike, windows at random."""
    epoch_windows: Count | None = None
    """Windows in an epoch; none: as many as there are."""
    epochs: Count = 100
    """Most passes over the training windows."""
    max_steps: Count | None = None
    """Most optimiser steps; none: no limit."""
    max_minutes: PositiveFloat | None = None
    """Most wall time of all members together, and of a refit again; none: no limit."""
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    """Needs a validation part; null trains to the end and keeps the last weights."""
    refit: bool = False
    """Train again on all rows after the test part was forecast; scores stay those before."""
    averaging: AveragingOption = NoAveraging()
    """none, ema: {decay}, swa: {start}: validation, best epoch and forecast use the average."""
    precision: Literal["float32", "bf16"] = "float32"
    """bf16: products in bfloat16 in training and validation (a GPU, or a CPU with AVX-512)."""
    tolerance: NonNegativeFloat = 0.0
    """Stop when the training loss changes by less than this in an epoch; 0: never."""
    l1: NonNegativeFloat = 0.0
    """Weight of the sum of absolute weights (biases excluded) in the loss."""
    l2: NonNegativeFloat = 0.0
    """Weight of the sum of squared weights (biases excluded); with l1 an elastic net."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of the gradient; none: no limit."""
    clip_value: PositiveFloat | None = None
    """Largest entry of the gradient; none: no limit."""
    start_from: Annotated[str, Field(min_length=1)] | None = None
    """Finished run whose weights training begins with, e.g. on newer rows; none: fresh weights."""
    ensemble: Ensemble = 1
    """Models, by seed: their median is forecast; or what each changes: their mean is."""
    lr_range: LrRangeConfig = LrRangeConfig()
    """The learning-rate range test, for `learning_rate: auto` and lr-find."""

    @property
    def combine(self) -> Literal["mean", "median"]:
        """How members become one forecast (of labels always by the mean of their probabilities).

        Of those that differ by seed alone the median: one that went astray does no harm. Those that
        differ by design err in different ways, which a mean lets cancel.
        """
        return "median" if isinstance(self.ensemble, int) else "mean"

    @property
    def members(self) -> int:
        """Models of the ensemble."""
        return self.ensemble if isinstance(self.ensemble, int) else len(self.ensemble)

    @field_validator("start_from")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        return None if value is None else path_text(value)

    @field_validator("step_weights")
    @classmethod
    def _some_step_counts(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and not any(weights):
            raise ValueError("no step has a weight above 0; give one at least")
        return weights
