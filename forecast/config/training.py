"""What a configuration says about training: loss, optimiser, schedule, stopping, rate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    field_validator,
    model_validator,
)

from forecast.config.options import (
    LARGEST,
    Choice,
    Count,
    CountOrZero,
    IncompatibleKeysError,
    Option,
    Section,
)
from forecast.errors import shown

Fraction = Annotated[float, Field(ge=0, lt=1)]


class MeanSquared(Option):
    """Squared error."""

    name: Literal["mse"] = "mse"


class MeanAbsolute(Option):
    """Absolute error."""

    name: Literal["mae"] = "mae"


class Huber(Option):
    """Half the squared error within delta, linear beyond (Huber 1964)."""

    name: Literal["huber"] = "huber"
    delta: PositiveFloat = 1.0
    """Error, on the model's scale, at which squared turns into absolute."""


class LogCosh(Option):
    """log(cosh(error)): smooth everywhere, absolute far away."""

    name: Literal["log_cosh"] = "log_cosh"


class Quantile(Option):
    """Pinball loss at each level (Koenker and Bassett 1978)."""

    name: Literal["quantile"] = "quantile"
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.025, 0.1, 0.5, 0.9, 0.975)
    """Increasing, with 0.5, the point forecast; pairs such as 0.1 and 0.9 give intervals."""

    @field_validator("levels")
    @classmethod
    def _hold_the_median(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        increase = list(levels) == sorted(set(levels))
        if not increase or not levels or levels[len(levels) // 2] != 0.5:
            raise ValueError(
                f"{shown(levels)} must increase, with 0.5, the point forecast, in the middle; write"
                " e.g. [0.1, 0.5, 0.9]"
            )
        return levels


LossOption = Annotated[MeanSquared | MeanAbsolute | Huber | LogCosh | Quantile, Choice()]


class GradientDescent(Option):
    """Plain gradient descent: one step an epoch, on the gradient of all windows."""

    name: Literal["gd"] = "gd"


class StochasticGradientDescent(Option):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    momentum: Fraction = 0.9
    """Share of the last step that is added to the next."""
    nesterov: bool = False
    """Take the gradient ahead of the momentum step (Nesterov 1983)."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> StochasticGradientDescent:
        if self.nesterov and not self.momentum:
            raise IncompatibleKeysError("nesterov needs a momentum above 0", "nesterov")
        return self


class Adagrad(Option):
    """Adagrad (Duchi et al. 2011)."""

    name: Literal["adagrad"] = "adagrad"
    lr_decay: NonNegativeFloat = 0.0
    """The rate is divided by 1 + steps * lr_decay."""
    eps: PositiveFloat = 1e-10
    """Added to the divisor, against division by zero."""


class Adadelta(Option):
    """Adadelta (Zeiler 2012)."""

    name: Literal["adadelta"] = "adadelta"
    rho: Fraction = 0.9
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-6
    """Added to the divisor, against division by zero."""


class RMSprop(Option):
    """RMSprop (Hinton 2012)."""

    name: Literal["rmsprop"] = "rmsprop"
    alpha: Fraction = 0.99
    """Weight of the past in the mean squared gradient."""
    momentum: Fraction = 0.0
    """Share of the last step that is added to the next."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""


class Adam(Option):
    """Adam (Kingma and Ba 2015)."""

    name: Literal["adam"] = "adam"
    beta1: Fraction = 0.9
    """Weight of the past in the mean gradient."""
    beta2: Fraction = 0.999
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""


class AdamW(Option):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegativeFloat = 0.01
    """Share of a weight, times the rate, that each step takes away."""
    beta1: Fraction = 0.9
    """Weight of the past in the mean gradient."""
    beta2: Fraction = 0.999
    """Weight of the past in the mean squared gradient."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""


OptimizerOption = Annotated[
    GradientDescent | StochasticGradientDescent | Adagrad | Adadelta | RMSprop | Adam | AdamW,
    Choice(),
]


class Constant(Option):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"


class StepDecay(Option):
    """Multiply by gamma every `every` epochs."""

    name: Literal["step"] = "step"
    every: Count = 30
    """Epochs between two falls."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor of each fall."""


class Exponential(Option):
    """Multiply by gamma every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Factor of each epoch."""


class Cosine(Option):
    """Half a cosine from the rate down to `final` times the rate (Loshchilov and Hutter 2017)."""

    name: Literal["cosine"] = "cosine"
    final: Fraction = 0.0
    """Share of the rate at the last step."""


class OneCycle(Option):
    """Cosine up from rate / divide, then down to rate / divide / 10,000 (Smith 2018)."""

    name: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of all steps in which the rate rises."""
    divide: Annotated[float, Field(gt=1)] = 25.0
    """The rate begins at its peak divided by this."""


class Plateau(Option):
    """Multiply by factor after `patience` epochs without a lower validation loss."""

    name: Literal["plateau"] = "plateau"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Factor of each fall."""
    patience: Count = 5
    """Epochs without a lower loss before a fall."""


ScheduleOption = Annotated[
    Constant | StepDecay | Exponential | Cosine | OneCycle | Plateau,
    Choice(),
]


class NoAveraging(Option):
    """The weights as the optimiser left them."""

    name: Literal["none"] = "none"


class ExponentialAverage(Option):
    """Exponential moving average of the weights (Polyak and Juditsky 1992)."""

    name: Literal["ema"] = "ema"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.995
    """Weight of the past at each step; lower in the first steps: (1 + step) / (10 + step)."""


class StochasticWeightAverage(Option):
    """Plain mean of the weights of the last steps (Izmailov et al. 2018)."""

    name: Literal["swa"] = "swa"
    start: Fraction = 0.5
    """Share of all steps after which averaging begins."""


AveragingOption = Annotated[NoAveraging | ExponentialAverage | StochasticWeightAverage, Choice()]


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


class TrainingConfig(Section):
    """How the model is trained."""

    loss: LossOption = MeanSquared()
    """mse, mae, huber: {delta}, log_cosh, quantile: {levels}."""
    series_weights: Literal["equal", "mase", "mixed"] = "equal"
    """equal; mase: a series' loss over its mean seasonal difference; mixed: the mean of both."""
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
    """Most wall time of training; none: no limit."""
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    """Needs a validation part; null trains to the end and keeps the last weights."""
    averaging: AveragingOption = NoAveraging()
    """none, ema: {decay}, swa: {start}: validation, best epoch and forecast use the average."""
    precision: Literal["float32", "bf16"] = "float32"
    """bf16: matrix products in bfloat16 in training and validation; forecasts stay float32."""
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
    ensemble: Count = 1
    """Models trained from consecutive seeds; their median is the forecast."""
    lr_range: LrRangeConfig = LrRangeConfig()
    """The learning-rate range test, for `learning_rate: auto` and lr-find."""

    @field_validator("step_weights")
    @classmethod
    def _some_step_counts(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and not any(weights):
            raise ValueError("no step has a weight above 0; give one at least")
        return weights
