"""A trained model: all that a forecast needs, in one value and one file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from forecast.config import Config, config_from
from forecast.data.config import Covariate, DataConfig
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.panel import Panel, read_panel
from forecast.data.pipeline import Pipeline, require_complete
from forecast.data.times import TimeAxis
from forecast.data.transforms import FittedChain
from forecast.data.windows import Windows
from forecast.errors import ConfigError, DataError
from forecast.models.forecaster import Embedded, Forecaster, WindowShape
from forecast.training.checkpoint import load_checkpoint, save_checkpoint
from forecast.training.losses import quantile_levels

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

MODEL_FILE = "model.safetensors"
FORECAST_BATCH = 1024


@dataclass(frozen=True)
class TrainedModel:
    """Models with the pipeline they were trained behind; see `forecast`."""

    config: Config
    """Resolved: nothing in it is `auto` but the device."""
    pipeline: Pipeline
    models: tuple[Forecaster, ...]
    tail: Panel
    """The last rows of the training table, from which the forecast goes on."""
    summary: dict[str, Any] = field(default_factory=dict)
    """What training and test came to, as in `summary.json`."""

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantile levels that the models forecast."""
        return quantile_levels(self.config.training.loss)

    @property
    def rows_needed(self) -> int:
        """Rows of history that a forecast needs."""
        lookback, past = self.config.window.lookback, self.pipeline.chain.past
        return lookback + past

    def forecast(
        self,
        data: pd.DataFrame | str | None = None,
        future: pd.DataFrame | str | None = None,
        horizon: int | None = None,
    ) -> pd.DataFrame:
        """Forecast the steps after the last known row of every series.

        Args:
            data: newer history, as a frame or a file with the columns of training; None: the end
                of the training table.
            future: covariates known over the horizon, with time (and id) columns.
            horizon: steps; beyond the trained horizon the model goes on from its own forecast.

        Returns:
            Columns id (if the table has one), time, target, forecast, and lo-/hi- columns for the
            intervals of a quantile model, in the user's units.

        Raises:
            DataError: for history that is too short or unlike that of training.
        """
        history = self.tail if data is None else self._read(data)
        panel, values = self.forecast_panel(history, future, horizon)
        return forecast_table(self.config.data, panel, values, self.levels)

    def forecast_panel(
        self,
        history: Panel,
        future: pd.DataFrame | str | None = None,
        horizon: int | None = None,
    ) -> tuple[Panel, np.ndarray]:
        """The history that was used, and forecasts (S, horizon, K, Q) in the user's units."""
        trained = self.config.window.horizon
        horizon = trained if horizon is None else horizon
        if horizon < 1:
            raise ConfigError(f"horizon {horizon} is not allowed; ask for 1 step or more")
        if horizon > trained:
            log.warning(
                "horizon %d is beyond the trained %d: the model goes on from its own forecast",
                horizon,
                trained,
            )
        history = self._usable(history)
        pipeline = self.pipeline.with_series_of(history)
        rounds = -(-horizon // trained)
        history, known = self._with_future(history, future, rounds * trained, horizon)
        panel, blocks = history, []
        for number in range(rounds):
            ahead = known[:, number * trained : (number + 1) * trained]
            block = self._one_block(pipeline, panel, ahead)  # (S, H, K, Q)
            blocks.append(block)
            rows = ahead.copy()
            rows[..., : panel.num_targets] = block[..., block.shape[-1] // 2]
            panel = panel.extend(rows)
        values = np.concatenate(blocks, axis=1)[:, :horizon]
        _refuse_infinite(values, history)
        return history, values

    def to(self, device: torch.device) -> TrainedModel:
        """The same with its models on a device."""
        return replace(self, models=tuple(model.to(device) for model in self.models))

    def save(self, path: Path | str) -> None:
        """Write `model.safetensors`, or another file."""
        save_checkpoint(Path(path), "model", _tensors(self), _content(self))

    def _read(self, data: pd.DataFrame | str) -> Panel:
        config = self.config.data
        if isinstance(data, str):
            return read_panel(config.model_copy(update={"path": data}))
        return read_panel(config, data)

    def _usable(self, history: Panel) -> Panel:
        """The last rows of the history, long enough and complete."""
        needed = self.rows_needed
        short = np.flatnonzero(history.lengths < needed)
        if len(short):
            name = f" of series {history.ids[short[0]]}" if history.has_ids else ""
            raise DataError(
                f"{history.source}: {int(history.lengths[short[0]])} rows{name} are too few to"
                f" forecast from; the model needs the last {needed}"
            )
        tail = history.tail(needed)
        if self.config.data.missing == "error":
            require_complete(tail)
        return history if np.isnan(tail.values).any() else tail

    def _one_block(self, pipeline: Pipeline, panel: Panel, ahead: np.ndarray) -> np.ndarray:
        """(S, H, K, Q) the trained horizon after the panel's last rows."""
        extended = panel.extend(ahead)
        inputs, targets, static = pipeline.tensors(extended, extended.offsets)
        window = self.config.window
        starts = extended.offsets[1:] - window.horizon - window.lookback
        windows = Windows(
            inputs=inputs,
            targets=targets,
            static=static,
            series=torch.arange(panel.num_series),
            starts=torch.from_numpy(starts),
            lookback=window.lookback,
            horizon=window.horizon,
            num_future=pipeline.num_future,
        )
        _refuse_unknown(windows, extended, pipeline)
        filled = pipeline.filled(extended, extended.offsets)[:, : panel.num_targets]
        blocks = [
            user_forecast(members, pipeline, extended, filled, windows.origins()[index])
            for index, members in member_forecasts(self.models, windows)
        ]
        return np.concatenate(blocks)

    def _with_future(
        self, history: Panel, future: pd.DataFrame | str | None, steps: int, horizon: int
    ) -> tuple[Panel, np.ndarray]:
        """The history with all categories known, and (S, steps, C) rows to come.

        The rows hold the future-known covariates; everything else in them is NaN.
        """
        rows = np.full((history.num_series, steps, len(history.columns)), np.nan)
        wanted = self.config.data.future
        if not wanted:
            return history, rows
        names = ", ".join(covariate.name for covariate in wanted)
        if future is None:
            raise DataError(
                f"the model needs the future values of {names}; give them with --future FILE"
            )
        config = self.config.data
        known = (
            read_panel(config.model_copy(update={"path": future}), require_targets=False)
            if isinstance(future, str)
            else read_panel(config, future, require_targets=False)
        )
        lines = _rows_after(known, history, steps)
        _refuse_gaps(lines[:, :horizon], known, history, names)
        if (lines < 0).any():
            log.warning("future values beyond step %d are unknown: the last ones are held", horizon)
            lines = np.where(lines < 0, lines.max(axis=1, keepdims=True), lines)
        history = _with_levels(history, known.levels)
        for column, covariate in enumerate(wanted):
            values = known.values[:, column]
            if covariate.is_categorical:
                values = _renumbered(values, known.levels[covariate.name], history, covariate.name)
            rows[..., history.columns.index(covariate.name)] = values[lines]
        return history, rows


def load(run: Path | str, device: torch.device | str = "cpu") -> TrainedModel:
    """Load a trained model from its run folder or its file, onto a device.

    Raises:
        DataError: if there is none, or it is damaged or newer than this program.
    """
    path = Path(run)
    path = path / MODEL_FILE if path.is_dir() or not path.suffix else path
    tensors, content = load_checkpoint(path, "model")
    try:
        return _from_checkpoint(tensors, content).to(torch.device(device))
    except (KeyError, TypeError, IndexError, RuntimeError) as error:
        raise DataError(f"{path}: not a model of this program: {error}") from None


def window_shape(config: Config, pipeline: Pipeline) -> WindowShape:
    """Sizes that a model of this configuration needs."""
    covariates = pipeline.covariates
    columns = (*covariates.past_names, *covariates.future_names)
    embedded, static = [], []
    for name, categories, width in covariates.embeddings():
        if name in columns:
            embedded.append(Embedded(columns.index(name), categories, width))
        else:
            static.append(Embedded(covariates.static_names.index(name), categories, width))
    return WindowShape(
        lookback=config.window.lookback,
        horizon=config.window.horizon,
        num_targets=len(pipeline.targets),
        num_past=len(covariates.past_names),
        num_future=len(covariates.future_names),
        num_static=len(covariates.static_names),
        num_quantiles=len(quantile_levels(config.training.loss)),
        embedded=tuple(embedded),
        embedded_static=tuple(static),
    )


def member_forecasts(
    models: tuple[Forecaster, ...], windows: Windows, batch_size: int = FORECAST_BATCH
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Forecast windows batch by batch.

    Yields:
        Numbers of the windows, and each member's (B, H, K, Q) on the model's scale.
    """
    device = next(models[0].parameters()).device
    windows = windows.to(device)
    for model in models:
        model.eval()
    for index in torch.arange(len(windows), device=device).split(batch_size):
        with torch.inference_mode():
            batch = windows.gather(index)
            members = [model(batch.past, batch.future, batch.static) for model in models]
        yield index.cpu().numpy(), [member.cpu().numpy() for member in members]


def user_forecast(
    members: list[np.ndarray],
    pipeline: Pipeline,
    panel: Panel,
    values: np.ndarray,
    origins: np.ndarray,
) -> np.ndarray:
    """(B, H, K, Q) in the user's units: the median over the members of an ensemble."""
    inverted = [pipeline.invert(member, panel, values, origins) for member in members]
    return inverted[0] if len(inverted) == 1 else np.median(inverted, axis=0)


def forecast_table(
    config: DataConfig, panel: Panel, values: np.ndarray, levels: tuple[float, ...]
) -> pd.DataFrame:
    """The long table of a forecast.

    Args:
        config: names of the id and time columns.
        panel: the history; the forecast begins after its last rows.
        values: (S, H, K, Q) in the user's units.
        levels: the Q quantile levels.
    """
    import pandas as pd

    series, horizon, targets, _ = values.shape
    positions = (panel.starts + panel.lengths)[:, None] + np.arange(horizon)
    flat = values.transpose(0, 2, 1, 3).reshape(-1, len(levels))  # series, target, step
    times = panel.axis.column(np.repeat(positions, targets, axis=0).ravel())
    table = pd.DataFrame()
    if panel.has_ids:
        table[config.id] = np.repeat(np.array(panel.ids, dtype=object), targets * horizon)
    table[config.time] = times.to_numpy() if panel.axis.timezone is None else times
    table["target"] = np.tile(np.repeat(np.array(panel.targets, dtype=object), horizon), series)
    table["forecast"] = flat[:, len(levels) // 2]
    for name, column in interval_columns(levels).items():
        table[name] = flat[:, column]
    return table


def interval_columns(levels: tuple[float, ...]) -> dict[str, int]:
    """lo-80, hi-80, ... for levels that lie alike about the median, q-0.3 for others."""
    columns = {}
    for number, level in enumerate(levels):
        if level == 0.5:
            continue
        mirrored = any(abs(level + other - 1) < 1e-9 for other in levels)
        coverage = f"{100 * abs(1 - 2 * level):.6g}"
        side = "lo" if level < 0.5 else "hi"
        columns[f"{side}-{coverage}" if mirrored else f"q-{level:g}"] = number
    return columns


def _refuse_unknown(windows: Windows, panel: Panel, pipeline: Pipeline) -> None:
    """Every input that the model reads must be a number."""
    batch = windows.gather(torch.arange(len(windows)))
    unknown = batch.past.isnan().any(dim=2).any(dim=1) | batch.future.isnan().any(dim=2).any(dim=1)
    if unknown.any():
        series = int(unknown.nonzero()[0])
        name = f" of series {panel.ids[series]}" if panel.has_ids else ""
        raise DataError(
            f"{panel.source}: the last {windows.lookback + pipeline.chain.past} rows{name} hold"
            " values that are missing and cannot be filled; give more history"
        )


def _refuse_infinite(values: np.ndarray, panel: Panel) -> None:
    bad = ~np.isfinite(values).all(axis=(1, 2, 3))
    if bad.any():
        raise DataError(
            f"the forecast of series {panel.ids[int(np.argmax(bad))]} is not finite: its history is"
            " far from what the model was trained on"
        )


def _rows_after(known: Panel, history: Panel, steps: int) -> np.ndarray:
    """(S, steps) rows of a table of the future for the steps after each series; -1: there is none.

    A table without an id column serves every series.
    """
    numbers = {name: number for number, name in enumerate(known.ids)}
    series = np.array([numbers.get(name, -1) if known.has_ids else 0 for name in history.ids])
    positions = (history.starts + history.lengths)[:, None] + np.arange(steps)
    times = history.axis.at(positions.ravel())
    step = known.axis.positions(times).reshape(positions.shape) - known.starts[series][:, None]
    inside = (step >= 0) & (step < known.lengths[series][:, None]) & (series[:, None] >= 0)
    rows = np.where(inside, known.offsets[series][:, None] + step, -1)
    complete = ~np.isnan(known.values).any(axis=1)
    return np.where(inside & complete[rows], rows, -1)


def _refuse_gaps(rows: np.ndarray, known: Panel, history: Panel, names: str) -> None:
    if (rows >= 0).all():
        return
    series, step = (int(index) for index in np.argwhere(rows < 0)[0])
    position = history.starts[series] + history.lengths[series] + step
    time = history.axis.column(np.array([position]))[0]
    of = f" of series {history.ids[series]}" if history.has_ids else ""
    raise DataError(f"{known.source}: the row{of} for {time} is missing or empty; it needs {names}")


def _with_levels(panel: Panel, levels: Mapping[str, tuple[str, ...]]) -> Panel:
    """The panel with the categories of another table behind its own."""
    both = {
        name: tuple(dict.fromkeys((*own, *levels.get(name, ()))))
        for name, own in panel.levels.items()
    }
    return replace(panel, levels=both)


def _renumbered(
    values: np.ndarray, levels: tuple[str, ...], panel: Panel, column: str
) -> np.ndarray:
    """Category numbers of one table as those of a panel that knows all its categories."""
    numbers = {name: number for number, name in enumerate(panel.levels[column])}
    table = np.array([*(numbers[name] for name in levels), np.nan])
    return np.asarray(table[np.where(np.isnan(values), len(levels), values).astype(np.int64)])


def _tensors(trained: TrainedModel) -> dict[str, torch.Tensor]:
    tensors = {
        f"model.{number}.{name}": weight
        for number, model in enumerate(trained.models)
        for name, weight in model.state_dict().items()
    }
    for number, state in enumerate(trained.pipeline.chain.states):
        tensors[f"chain.{number}"] = torch.from_numpy(state)
    tail = trained.tail
    for name in ("values", "offsets", "starts", "static"):
        tensors[f"tail.{name}"] = torch.from_numpy(getattr(tail, name))
    return tensors


def _content(trained: TrainedModel) -> dict[str, Any]:
    tail, covariates = trained.tail, trained.pipeline.covariates
    return {
        "config": trained.config.model_dump(mode="json"),
        "axis": [tail.axis.origin, tail.axis.frequency, tail.axis.timezone],
        "ids": list(tail.ids),
        "fitted_ids": list(trained.pipeline.ids),
        "columns": list(tail.columns),
        "static_columns": list(tail.static_columns),
        "levels": {name: list(levels) for name, levels in tail.levels.items()},
        "has_ids": tail.has_ids,
        "covariates": {
            role: [
                [c.option.model_dump(mode="json"), c.location, c.scale, list(c.categories)]
                for c in getattr(covariates, role)
            ]
            for role in ("past", "future", "static")
        },
        "num_models": len(trained.models),
        "summary": trained.summary,
    }


def _from_checkpoint(tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> TrainedModel:
    config = config_from(content["config"])
    pipeline = Pipeline(
        chain=FittedChain(
            config.transforms,
            tuple(tensors[f"chain.{n}"].numpy() for n in range(len(config.transforms))),
        ),
        covariates=_covariates(config.data, content["covariates"]),
        missing=config.data.missing,
        ids=tuple(content["fitted_ids"]),
        targets=config.data.target,
    )
    tail = Panel(
        values=tensors["tail.values"].numpy(),
        offsets=tensors["tail.offsets"].numpy(),
        ids=tuple(content["ids"]),
        starts=tensors["tail.starts"].numpy(),
        axis=TimeAxis(*content["axis"]),
        columns=tuple(content["columns"]),
        num_targets=len(config.data.target),
        static=tensors["tail.static"].numpy(),
        static_columns=tuple(content["static_columns"]),
        levels={name: tuple(levels) for name, levels in content["levels"].items()},
        source="the checkpoint",
        has_ids=content["has_ids"],
    )
    models = []
    for number in range(content["num_models"]):
        prefix = f"model.{number}."
        model = Forecaster(config.model, window_shape(config, pipeline))
        model.load_state_dict(
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        )
        models.append(model.eval())
    return TrainedModel(config, pipeline, tuple(models), tail, content["summary"])


def _covariates(config: DataConfig, content: dict[str, Any]) -> FittedCovariates:
    def of(role: str) -> tuple[FittedCovariate, ...]:
        options: tuple[Covariate, ...] = getattr(config, role)
        return tuple(
            FittedCovariate(option, location, scale, tuple(categories))
            for option, (_, location, scale, categories) in zip(options, content[role], strict=True)
        )

    return FittedCovariates(of("past"), of("future"), of("static"), config.calendar)
