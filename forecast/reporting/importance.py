"""Permutation importance: how much larger the error gets when a part of the input is shuffled."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from forecast.data.covariates import FittedCovariates
from forecast.data.windows import Batch
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import Prepared
from forecast.reporting.steps import Show, unseen
from forecast.training.sampling import windows_in_epoch

Predict = Callable[[Batch], Tensor]
"""Windows -> point forecasts (B, H, K) on the model's scale; of labels (B, H, K, Q)."""
Error = Callable[[Tensor, Tensor], float]
"""(forecasts, targets) -> their mean error."""
FEWEST_BLOCKS, MOST_BLOCKS = 4, 24
"""Blocks of steps into which a lookback is cut, if it has so many steps."""
REPEATS = 4
"""Orders in which the windows are shuffled."""
EFFORTS = ((REPEATS, MOST_BLOCKS), (2, 12), (2, FEWEST_BLOCKS))
"""Repeats and blocks: fewer, before fewer than `FEWEST_WINDOWS` would be shuffled."""
FEWEST_WINDOWS, MOST_WINDOWS = 32, 512
"""Windows that are shuffled: as few as it takes to stay within `MOST_WORK`, and the most."""
MOST_WORK = 1e12
"""Multiplications; about half a minute on two cores."""
SHARE_OF_TRAINING, STEP_PASSES = 0.5, 3
"""What shuffling may take of the work of the training, whose steps count as three forecasts."""
FORECAST_AT_ONCE = 64
"""Windows in a batch, so that long lookbacks of many targets need little memory."""


JOINED_AT_MOST = 2**20
"""Numbers of windows that are forecast in all orders at once; larger ones order by order."""


@dataclass(frozen=True)
class InputPart:
    """What is shuffled as one: columns of a batch, over some steps of the lookback."""

    name: str
    past: tuple[int, ...] = ()
    """Columns of the lookback; the next two are those of the horizon and of the series."""
    future: tuple[int, ...] = ()
    static: tuple[int, ...] = ()
    first: int = 0
    """First step of the lookback, from 0."""
    end: int | None = None
    """The step after the last; None: to the end."""


@dataclass(frozen=True)
class Importance:
    """What became of the error when parts of the input were shuffled."""

    part: str
    """Where the windows are from: validation or test."""
    windows: int
    error: float
    """MAE of the forecasts, on the model's scale; of labels the log loss."""
    inputs: Mapping[str, Float[np.ndarray, " repeats"]]
    """Input -> rise of that error in each repeat."""
    lookback: tuple[InputPart, ...]
    """Blocks of steps, the earliest first."""
    lookback_rises: Float[np.ndarray, "blocks repeats"]


def importance(trained: TrainedModel, prepared: Prepared, show: Show = unseen) -> Importance | None:
    """How much a model relies on each input and on each block of its lookback.

    Evenly spaced windows are used: of the validation part or, where that has not two of them, of
    the test part.

    Args:
        trained: its models must be on the CPU.
        prepared: the data that it was trained on.
        show: is told what is done.

    Returns:
        None if neither part holds two windows.
    """
    part = "validation" if len(prepared.windows["validation"]) > 1 else "test"
    windows, pipeline = prepared.windows[part], prepared.pipeline
    if len(windows) < 2:
        return None
    rows, segment = trained.config.widest.reach, trained.config.model.segment
    inputs = input_parts(pipeline.targets, pipeline.covariates)
    for repeats, blocks in EFFORTS:
        lookback = lookback_parts(rows, segment, pipeline.num_columns, blocks)
        affordable = affordable_windows(trained, len(inputs) + len(lookback), repeats)
        if affordable > FEWEST_WINDOWS:
            break
    count = min(len(windows), affordable)
    index = torch.linspace(0, len(windows) - 1, count).round().long()
    error, rises = error_rises(
        lambda batch: _central_forecast(trained, batch),
        windows.gather(index),
        [*inputs, *lookback],
        repeats,
        show=show,
        error_of=log_loss if pipeline.labels else mean_absolute_error,
    )
    of_inputs, of_lookback = np.split(rises, [len(inputs)])
    names = [each.name for each in inputs]
    named = dict(zip(names, of_inputs, strict=True))
    return Importance(part, count, error, named, tuple(lookback), of_lookback)


def affordable_windows(trained: TrainedModel, parts: int, repeats: int = REPEATS) -> int:
    """Windows that can be forecast with each part shuffled in a reasonable time, on any machine.

    Args:
        trained: the model.
        parts: columns, or groups of them, that are shuffled one after the other.
        repeats: of each.

    Returns:
        As many as stay within `MOST_WORK`, and within a share of the work of the training itself.
    """
    window, model = trained.config.widest, trained.models[0]
    channels = len(trained.pipeline.targets) if model.is_independent else 1
    steps = (window.reach + window.horizon) / trained.config.model.segment
    forecasts = len(trained.models) * (1 + repeats * parts)  # of each window
    work = model.num_parameters * channels * steps * forecasts
    epochs = trained.summary["epochs"]
    windows = windows_in_epoch(trained.summary["windows"]["train"], trained.config.training)
    passes = STEP_PASSES * sum(epochs) * windows
    affordable = min(MOST_WORK / work, SHARE_OF_TRAINING * passes / forecasts)
    return int(np.clip(affordable, FEWEST_WINDOWS, MOST_WINDOWS))


def _central_forecast(trained: TrainedModel, batch: Batch) -> Float[Tensor, "B H K *Q"]:
    """On the model's scale: of the median quantile, or of the mean of a distribution, the median
    over the members; of labels the mean of their probabilities."""
    is_mean = trained.pipeline.distribution is not None
    columns = (batch.past, batch.future, batch.static)
    blocks = []
    with torch.inference_mode():
        for parts in zip(*(each.split(FORECAST_AT_ONCE) for each in columns), strict=True):
            members = torch.stack([model(*parts) for model in trained.models])  # (M, B, H, K, Q)
            if trained.pipeline.labels:
                blocks.append(members.softmax(dim=-1).mean(dim=0))
                continue
            middle = 0 if is_mean else members.shape[-1] // 2
            blocks.append(members[..., middle].quantile(0.5, dim=0))
    return torch.cat(blocks)


def input_parts(targets: Sequence[str], covariates: FittedCovariates) -> list[InputPart]:
    """Each target's own past, then each covariate with all columns that it became.

    Columns are counted as `FittedCovariates.encode` lays them out: in the lookback targets, past
    and future covariates, calendar and days; in the horizon those without the past ones.
    """
    past = [(f"past {name}", 1) for name in targets]
    past += [(each.option.name, len(each.names)) for each in covariates.past]
    future = [(each.option.name, len(each.names)) for each in covariates.future]
    future += [(name, 2) for name in covariates.calendar]  # a sine and a cosine
    future += [(each.name, 1) for each in covariates.days]
    static = [(each.option.name, len(each.names)) for each in covariates.static]
    known = sum(width for _, width in past)
    return [
        *(InputPart(name, past=columns) for name, columns in _side_by_side(past)),
        *(
            InputPart(name, past=tuple(known + column for column in columns), future=columns)
            for name, columns in _side_by_side(future)
        ),
        *(InputPart(name, static=columns) for name, columns in _side_by_side(static)),
    ]


def _side_by_side(widths: Sequence[tuple[str, int]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and the columns that each takes."""
    first = 0
    for name, width in widths:
        yield name, tuple(range(first, first + width))
        first += width


def lookback_parts(lookback: int, segment: int, num_columns: int, most: int) -> list[InputPart]:
    """The lookback cut into its segments; many are joined, and few are cut into steps.

    Args:
        lookback: steps.
        segment: steps that the network reads as one.
        num_columns: of the lookback; a block holds all of them.
        most: blocks.
    """
    cuts = lookback % segment == 0 and lookback // segment >= FEWEST_BLOCKS
    unit = segment if cuts else 1
    count = min(lookback // unit, most)
    edges = np.linspace(0, lookback // unit, count + 1).round().astype(int) * unit
    return [
        InputPart(
            _steps(first - lookback, end - lookback), tuple(range(num_columns)), (), (), first, end
        )
        for first, end in itertools.pairwise(edges.tolist())
    ]


def _steps(first: int, end: int) -> str:
    """The steps of a block, counted from the first step of the forecast."""
    return f"{first} to {end - 1}" if end - first > 1 else f"{first}"


def error_rises(
    predict: Predict,
    batch: Batch,
    parts: Sequence[InputPart],
    repeats: int,
    seed: int = 0,
    show: Show = unseen,
    error_of: Error | None = None,
) -> tuple[float, Float[np.ndarray, "parts repeats"]]:
    """Error of the forecasts, and its rise when a part is exchanged between windows.

    Breiman (2001), in the form of Fisher, Rudin and Dominici (2019): the model stays as it is, and
    a part keeps its values but loses what they have to do with the window.

    Args:
        predict: the model.
        batch: all windows that are used, with their targets.
        parts: what is shuffled, one at a time.
        repeats: orders in which the windows are shuffled, the same for every part.
        seed: of the orders.
        show: is told what is shuffled.
        error_of: mean error of forecasts; None: the mean absolute one.

    Returns:
        The error on the model's scale, and how much it rises with each part, in each repeat.
    """
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(batch.past), generator=generator) for _ in range(repeats)]
    error_of = error_of or mean_absolute_error
    error = error_of(predict(batch), batch.target)
    errors = []
    for number, part in enumerate(parts):
        show(f"what it looks at: {part.name}", number / len(parts))
        exchanged = (shuffled(batch, part, order) for order in orders)
        if batch.past.numel() <= JOINED_AT_MOST:  # one call of many windows instead of several
            forecasts = predict(_joined([*exchanged])).chunk(repeats)
        else:
            forecasts = tuple(map(predict, exchanged))
        errors.append([error_of(each, batch.target) for each in forecasts])
    return error, np.array(errors).reshape(len(parts), repeats) - error


def _joined(batches: Sequence[Batch]) -> Batch:
    """The windows of several batches in one, without weights, which no forecast reads."""
    parts = [(each.past, each.future, each.static, each.target) for each in batches]
    past, future, static, target = (torch.cat(each) for each in zip(*parts, strict=True))
    return replace(batches[0], past=past, future=future, static=static, target=target, weight=None)


def shuffled(batch: Batch, part: InputPart, order: Int[Tensor, " B"]) -> Batch:
    """The windows with a part taken from other windows.

    Args:
        batch: the windows.
        part: what is taken.
        order: window that each one takes it from.
    """
    past = batch.past.clone()
    steps = slice(part.first, part.end)
    past[:, steps, part.past] = batch.past[order][:, steps, part.past]
    return replace(
        batch,
        past=past,
        future=_exchanged(batch.future, part.future, order),
        static=_exchanged(batch.static, part.static, order),
    )


def _exchanged(
    values: Float[Tensor, "B *T C"], columns: tuple[int, ...], order: Int[Tensor, " B"]
) -> Float[Tensor, "B *T C"]:
    exchanged = values.clone()
    exchanged[..., columns] = values[order][..., columns]
    return exchanged


def mean_absolute_error(forecast: Tensor, target: Tensor) -> float:
    """Over the targets that are known."""
    return float((forecast - target).abs().double().nanmean())


def log_loss(shares: Float[Tensor, "B H K Q"], target: Float[Tensor, "B H K"]) -> float:
    """Of the labels that are known and were seen in training."""
    of_own = shares.gather(-1, target.nan_to_num().clamp_min(0).long()[..., None])[..., 0]
    return float(-of_own.clamp_min(1e-12).log()[target >= 0].double().mean())
