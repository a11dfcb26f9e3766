"""The model: normalise a window, cut it into segments, embed, stack, head, and undo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from forecast.config.counts import Distribution
from forecast.config.model import ModelConfig
from forecast.models.dropout import DropoutGenerator
from forecast.models.heads import HEADS, Encoded, HeadShape, median, segments_of
from forecast.models.initial_weights import initialise
from forecast.models.labels import LabelCoding
from forecast.models.lags import lagged
from forecast.models.norms import WINDOW_NORMS
from forecast.models.skips import SKIPS
from forecast.models.stack import Stack

AUTO_HIDDEN = ((500, 32), (5_000, 64), (50_000, 128))
"""`hidden_size: auto`: (fewer training windows than, units); above the last: 256."""


@dataclass(frozen=True)
class Embedded:
    """A column of category codes that becomes a learned vector."""

    column: int
    """Number of the column among the covariates, or among the static columns."""
    categories: int
    width: int


@dataclass(frozen=True)
class WindowShape:
    """Sizes of the windows that a model reads."""

    lookback: int
    horizon: int
    num_targets: int
    num_past: int = 0
    num_future: int = 0
    num_static: int = 0
    num_quantiles: int = 1
    """Numbers that are forecast of each step and target: quantiles, parameters, or logits."""
    distribution: Distribution | None = None
    """The distribution whose parameters are forecast; None: values are forecast themselves."""
    classes: tuple[int, ...] = ()
    """Of each target, where they are labels."""
    lags: tuple[int, ...] = ()
    """Rows back at which the targets are read beside every step."""
    embedded: tuple[Embedded, ...] = ()
    """Embedded columns among past and future covariates."""
    embedded_static: tuple[Embedded, ...] = ()

    @property
    def reach(self) -> int:
        """Rows up to the origin that are read: the lookback, and the longest lag before it."""
        return self.lookback + max(self.lags, default=0)


def hidden_sizes(config: ModelConfig, num_windows: int) -> tuple[int, ...]:
    """Units of each layer.

    Args:
        config: the architecture; `hidden_size: auto` is decided here.
        num_windows: training windows, by which `auto` chooses; more windows afford more units.

    Returns:
        One number a layer, each above `proj_size`.
    """
    if isinstance(config.hidden_size, tuple):
        return config.hidden_size
    if isinstance(config.hidden_size, int):
        return (config.hidden_size,) * config.num_layers
    units = next((units for limit, units in AUTO_HIDDEN if num_windows < limit), 256)
    return (max(units, 2 * config.proj_size),) * config.num_layers


class Model(nn.Module):
    """What the toolkit asks of a network that it trains and forecasts with.

    It is called as `Forecaster.forward` is.
    """

    reads_raw: ClassVar[bool] = False
    """Whether it is handed histories in double precision, and NaN for what a padded window lacks
    rather than the first known row."""
    is_trained: ClassVar[bool] = False
    """Whether it forecasts well before the first step of training."""
    can_be_captured: ClassVar[bool] = True
    """Whether a step can be recorded as a CUDA graph: nothing in it is computed on the CPU."""
    is_independent = False
    """Whether each target is a window of its own."""
    dropout = 0.0
    """Share of units that is dropped in training."""

    @property
    def num_parameters(self) -> int:
        """Weights and biases, all together."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def work(self) -> int:
        """The cost of a window: steps that are read, times the units of all layers, times rows."""
        raise NotImplementedError


class Forecaster(Model):
    """A stacked recurrent network from a window to its next steps.

    Args:
        config: the architecture, with `hidden_size` resolved.
        shape: sizes of the windows.
    """

    def __init__(self, config: ModelConfig, shape: WindowShape) -> None:
        super().__init__()
        assert config.hidden_size != "auto"
        assert shape.lookback % config.segment == 0
        self.config, self.shape, self.dropout = config, shape, config.dropout
        self.normalise = WINDOW_NORMS.get(config.window_norm)
        self.past, self.known = _covariate_embeddings(shape)
        self.static = Embeddings(shape.num_static, shape.embedded_static)
        self.is_independent = config.channels == "independent" and shape.num_targets > 1
        targets = 1 if self.is_independent else shape.num_targets
        self.labels = LabelCoding(shape.classes, self.is_independent) if shape.classes else None
        read = targets * (self.labels.width if self.labels else 1)
        known = self.known.width + read * len(shape.lags)  # at every step, of the horizon too
        width = config.segment * (read + self.past.width + known) + self.static.width
        width += targets if shape.distribution else 0
        self.embedding = (
            nn.Sequential(nn.Linear(width, config.embedding_size), nn.ReLU())
            if config.embedding_size
            else nn.Identity()
        )
        input_size = config.embedding_size or width
        self.stack = Stack(config, hidden_sizes(config, 0), input_size)
        head = HeadShape(
            horizon=shape.horizon,
            segment=config.segment,
            num_targets=targets,
            num_quantiles=shape.num_quantiles,
            num_future=known,
            num_channels=shape.num_targets if self.is_independent else 1,
            input_size=input_size,
        )
        self.head = HEADS[config.head](head, self.stack, config.head_activation, config.dropout)
        initialise(self, config.init)
        self.skip = SKIPS[config.linear_skip](shape.lookback, shape.horizon, config.segment)

    @property
    def work(self) -> int:
        """See `Model`."""
        rows = self.shape.num_targets if self.is_independent else 1
        steps = self.shape.lookback // self.config.segment
        return rows * steps * sum(hidden_sizes(self.config, 0))

    def forward(
        self,
        past: Float[Tensor, "B L C"],
        future: Float[Tensor, "B H F"],
        static: Float[Tensor, "B D"],
        targets: Float[Tensor, "B H K"] | None = None,
        noise: DropoutGenerator = None,
    ) -> Float[Tensor, "B H K Q"]:
        """Forecast the horizon of each window.

        Args:
            past: the lookback, and the earlier rows that lags read; rows before these are ignored.
                Targets, then past covariates, then future-known ones.
            future: future-known covariates over the horizon.
            static: static covariates.
            targets: the true horizon, which a recursive head is fed in training.
            noise: of dropout, in training; None: the default generator.

        Returns:
            Forecasts on the scale of `past`, quantiles in increasing order outside training; of
            labels the logits of their classes, of counts the parameters of their distribution.
        """
        targets_first = (self.shape.num_targets, past.shape[2] - self.shape.num_targets)
        lookback, reach = self.shape.lookback, self.shape.reach
        values, covariates = past[:, -reach:].split(targets_first, dim=2)
        covariates = covariates[:, -lookback:]
        if self.shape.distribution:
            scale = 1 + values[:, -lookback:].mean(dim=1, keepdim=True)  # (B, 1, K)
            level = self._split_channels(scale.log())[:, 0]
            raw = self._forecast(values / scale, covariates, future, static, None, noise, level)
            return self.shape.distribution.parameters(raw, scale[..., None])
        if self.normalise is None:
            return self._forecast(values, covariates, future, static, targets, noise)
        location, scale = self.normalise(values[:, -lookback:], self.config.segment)  # (B, 1, K)
        targets = None if targets is None else (targets - location) / scale
        values = (values - location) / scale
        output = self._forecast(values, covariates, future, static, targets, noise)
        return output * scale[..., None] + location[..., None]

    def _forecast(
        self,
        values: Float[Tensor, "B R K"],
        covariates: Float[Tensor, "B L V"],
        future: Float[Tensor, "B H F"],
        static: Float[Tensor, "B D"],
        targets: Float[Tensor, "B H K"] | None,
        noise: DropoutGenerator,
        level: Float[Tensor, "BK J"] | None = None,
    ) -> Float[Tensor, "B H K Q"]:
        """Forecast on the window's scale; a `level` is read like a static covariate."""
        lookback, horizon, lags = self.shape.lookback, self.shape.horizon, self.shape.lags
        past, known = covariates.split([self.shape.num_past, self.shape.num_future], dim=2)
        skipped = None if self.skip is None else self.skip(values[:, -lookback:])
        # From here on B counts the channels of all windows, where they are independent.
        values = self._read(values)
        targets = None if targets is None else self._read(targets)
        past, known = self._repeat(self.past(past)), self._repeat(self.known(known))
        future, static = self._repeat(self.known(future)), self._repeat(self.static(static))
        if lags:
            before, ahead = lagged(values, lookback, horizon, lags)
            values = values[:, -lookback:]
            known, future = torch.cat([known, before], dim=2), torch.cat([future, ahead], dim=2)
        if level is not None:
            static = torch.cat([static, level], dim=1)
        segment = self.config.segment
        past, known = segments_of(past, segment), segments_of(known, segment)
        if self.config.head == "recursive":
            # Each segment reads what is known of the segment that it forecasts: the next one.
            known = torch.cat([known[:, 1:], segments_of(future, segment)[:, :1]], dim=1)
        segments = self._embed(static, past, segments_of(values, segment), known)
        # Beyond the lookback past covariates are unknown: those of its last segment are held.
        embed = partial(self._embed, static, past[:, -1:])
        fed_back = self.labels.fed_back if self.labels else median
        encoded = Encoded(segments, future, targets, embed, fed_back)
        output = self._join_channels(self.head(self.stack, encoded, noise))
        if skipped is not None:
            others = self.shape.num_quantiles - 1 if self.shape.distribution else 0
            output = output + pad(skipped[..., None], (0, others))  # moves the mean alone
        if self.labels:
            return self.labels.masked(output)
        if self.shape.num_quantiles > 1 and not self.shape.distribution and not self.training:
            output = output.sort(dim=-1).values  # crossing quantiles are put in order
        return output

    def _embed(
        self,
        static: Float[Tensor, "B D"],
        past: Float[Tensor, "B _ P"],
        values: Float[Tensor, "B M V"],
        known: Float[Tensor, "B M F"],
    ) -> Float[Tensor, "B M I"]:
        """The stack's inputs: segments of values, with covariates; what is constant is repeated."""
        steps = values.shape[1]
        constant = static[:, None].expand(-1, steps, -1)
        parts = [values, past.expand(-1, steps, -1), known, constant]
        filled = [part for part in parts if part.shape[2]]  # an empty part costs time, too
        embedded: Tensor = self.embedding(torch.cat(filled, dim=2) if filled[1:] else filled[0])
        return embedded

    def _read(self, values: Float[Tensor, "B T K"]) -> Float[Tensor, "R T J"]:
        """Targets as the stack reads them: a window for each channel if channels are independent,
        and labels as one column a class."""
        values = self._split_channels(values)
        return self.labels.one_hot(values) if self.labels else values

    def _split_channels(self, values: Float[Tensor, "B T K"]) -> Float[Tensor, "BK T J"]:
        """Independent channels: each target becomes a window of its own; channels vary fastest."""
        if not self.is_independent:
            return values
        return values.transpose(1, 2).reshape(-1, values.shape[1], 1)

    def _join_channels(self, output: Float[Tensor, "BK H J Q"]) -> Float[Tensor, "B H K Q"]:
        if not self.is_independent:
            return output
        split: Tensor = output.unflatten(0, (-1, self.shape.num_targets))  # (B, K, H, 1, Q)
        return split.squeeze(3).transpose(1, 2)

    def _repeat(self, columns: Tensor) -> Tensor:
        """Covariates, once for every channel of a window where channels are independent."""
        if not self.is_independent:
            return columns
        return columns.repeat_interleave(self.shape.num_targets, dim=0)


class Embeddings(nn.Module):
    """Replaces columns of category codes by learned vectors, each at its column's place.

    Args:
        num_columns: width of the input.
        embedded: which columns, with how many categories, become how wide.
    """

    def __init__(self, num_columns: int, embedded: tuple[Embedded, ...]) -> None:
        super().__init__()
        self.embedded = embedded
        self.tables = nn.ModuleList(nn.Embedding(e.categories, e.width) for e in embedded)
        for table in self.tables:
            assert isinstance(table, nn.Embedding)
            nn.init.zeros_(table.weight.data[0])  # code 0, never seen in training, adds nothing
        self.width = num_columns + sum(e.width - 1 for e in embedded)
        """Width of the output."""

    def forward(self, columns: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        """The columns with codes replaced."""
        if not self.embedded:
            return columns
        parts = list(columns.split(1, dim=-1))
        for table, embedded in zip(self.tables, self.embedded, strict=True):
            parts[embedded.column] = table(parts[embedded.column].squeeze(-1).long())
        return torch.cat(parts, dim=-1)


def _covariate_embeddings(shape: WindowShape) -> tuple[Embeddings, Embeddings]:
    """Of past and of future-known covariates, each with columns numbered from 0."""
    past = tuple(e for e in shape.embedded if e.column < shape.num_past)
    known = tuple(
        replace(e, column=e.column - shape.num_past)
        for e in shape.embedded
        if e.column >= shape.num_past
    )
    return Embeddings(shape.num_past, past), Embeddings(shape.num_future, known)
