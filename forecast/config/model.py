"""What a configuration says about the model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from forecast.config.options import Count, CountOrZero, Section, require

CellName = Literal["lstm", "gru", "rnn"]
HeadName = Literal["direct", "recursive", "parallel"]
NormName = Literal["none", "last", "segment_mean", "mean", "standard"]
SkipName = Literal["none", "full", "segment"]
ActivationName = Literal["none", "relu", "leaky_relu", "tanh", "sigmoid", "gelu"]
SchemeName = Literal["default", "xavier_uniform", "xavier_normal", "he", "orthogonal"]
PRETRAINED_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Quantiles that the pretrained network forecasts."""
HiddenSizes = Count | Annotated[tuple[Count, ...], Field(fail_fast=True)] | Literal["auto"]


class InitConfig(Section):
    """Initial weights."""

    scheme: SchemeName = "default"
    """default: U(+-1/sqrt(hidden)); orthogonal: recurrent weights, xavier_uniform elsewhere."""
    bias: float | None = None
    """Constant for every bias; none leaves the scheme's."""
    forget_bias: float | None = None
    """Sum of the two forget-gate biases of an LSTM; none leaves them (Jozefowicz et al. 2015)."""
    state: Literal["zeros", "learned"] = "zeros"
    """First hidden and cell state."""


class ModelConfig(Section):
    """A stacked recurrent network."""

    start: Literal["random", "pretrained"] = "random"
    """random: fresh weights; pretrained: the package's, fine-tuned, best without transforms."""
    cell: CellName = "lstm"
    """Recurrent cell: lstm, gru or rnn."""
    num_layers: Annotated[int, Field(gt=0, le=100)] = 1
    """Layers of the stack."""
    hidden_size: HiddenSizes = "auto"
    """Units a layer; one number, one a layer, or auto (by the number of training windows)."""
    proj_size: CountOrZero = 0
    """Width to which an LSTM projects its output; 0: no projection."""
    bidirectional: bool = False
    """Read the lookback in both directions (head direct only)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of units dropped between layers and before the head."""
    residual: bool = False
    """Add each layer's input to its output where the widths agree."""
    dilations: Annotated[tuple[Count, ...], Field(fail_fast=True)] | None = None
    """Steps (segments) between the inputs of each layer's recurrence, one a layer; none: all 1."""
    layer_norm: bool = False
    """Layer normalisation after each layer."""
    batch_norm: bool = False
    """Batch normalisation after each layer."""
    segment: Count = 1
    """Consecutive steps that are fed as one input; divides the lookback."""
    embedding_size: Count | None = None
    """Width of a linear + ReLU layer before the stack; none feeds segments as they are."""
    window_norm: NormName = "none"
    """Last value, last segment's mean, mean, or mean and deviation of a window; undone later."""
    linear_skip: SkipName = "none"
    """Add a linear map of the lookback: full, or by segment (the same for each of its steps)."""
    channels: Literal["joint", "independent"] = "joint"
    """joint: all targets in one window; independent: each its own window, with shared weights."""
    head: HeadName = "direct"
    """direct: last state to all steps; recursive: fed back; parallel: a decoder step a segment."""
    head_activation: ActivationName = "none"
    """Activation between the stack and the output layer."""
    init: InitConfig = InitConfig()
    """Initial weights and states."""

    @model_validator(mode="after")
    def _pretrained_is_as_it_is(self) -> ModelConfig:
        if self.start == "random":
            return self
        usual = ModelConfig()
        for key in type(self).model_fields:
            require(
                key == "start" or getattr(self, key) == getattr(usual, key),
                f"{key} is of no use to start: pretrained, a network of its own; leave it out, or"
                " set start: random",
                key,
            )
        return self

    @model_validator(mode="after")
    def _cell_has_the_parts(self) -> ModelConfig:
        is_lstm, needs = self.cell == "lstm", f"needs cell: lstm, not {self.cell}"
        require(is_lstm or not self.proj_size, f"proj_size {needs}", "proj_size")
        has_gates = is_lstm or self.init.forget_bias is None
        require(has_gates, f"forget_bias {needs}", "init.forget_bias")
        return self

    @model_validator(mode="after")
    def _head_fits(self) -> ModelConfig:
        require(
            self.head == "direct" or not self.bidirectional,
            f"bidirectional reads the whole lookback at once, head {self.head} goes on step by"
            " step; use head: direct",
            "bidirectional",
        )
        require(
            self.head != "recursive" or self.linear_skip == "none",
            "linear_skip forecasts all steps at once, head recursive one segment; use head: direct"
            " or parallel",
            "linear_skip",
        )
        return self

    @model_validator(mode="after")
    def _dilations_fit_the_layers(self) -> ModelConfig:
        if self.dilations is None:
            return self
        require(
            len(self.dilations) == self.num_layers,
            f"dilations lists {len(self.dilations)} layers, num_layers is {self.num_layers}; give"
            " each layer one number",
            "dilations",
        )
        require(
            self.head != "recursive",
            "dilations skip steps, head recursive goes on step by step; use head: direct or"
            " parallel",
            "dilations",
        )
        return self

    @model_validator(mode="after")
    def _sizes_fit_the_layers(self) -> ModelConfig:
        if self.hidden_size == "auto":
            return self
        sizes = self.hidden_size
        if isinstance(sizes, int):
            sizes = (sizes,) * self.num_layers
        require(
            len(sizes) == self.num_layers,
            f"hidden_size lists {len(sizes)} layers, num_layers is {self.num_layers}; give each"
            " layer one size",
            "hidden_size",
        )
        require(
            self.proj_size < min(sizes),
            f"proj_size {self.proj_size} must be below hidden_size {min(sizes)}",
            "proj_size",
        )
        return self
