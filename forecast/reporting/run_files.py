"""What the files of a run folder say: typed once, and checked as they are read.

A file that is absent reads as None, and the report leaves its part out. A file that is there but
damaged, edited or of another run is refused in one line.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
)

from forecast.config.training import LrRangeConfig
from forecast.data.split import PARTS
from forecast.errors import DataError, shown
from forecast.partners.weights import weights_in_words
from forecast.runs.files import without_nan
from forecast.runs.folder import (
    ENVIRONMENT_FILE,
    LR_RANGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PROFILE_FILE,
    SUMMARY_FILE,
)
from forecast.training.loop import Epoch
from forecast.training.lr_rules import LrFound, Point, Sweep, lr_found, suggest
from forecast.training.profile import PROFILE_PARTS

Read = TypeVar("Read")
REMEDY = "copy the run again"
OPTIONAL = f"{REMEDY}, or take the file away to leave its part out"


def _percent(level: str) -> str:
    if not 0 < float(level) < 100:
        raise ValueError("a level lies between 0 and 100 percent")
    return level


Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""JSON has null for a number that is none."""
Level = Annotated[str, AfterValidator(_percent)]
"""Of an interval, in percent."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Environment:
    """`environment.json`, as `runs.folder.environment` makes it."""

    forecast: str
    python: str
    platform: str
    packages: dict[str, str]
    device: str
    threads: int
    cpus: int | None
    command: list[str]


@dataclass(frozen=True)
class Summary:
    """Results of training and test; the scores are empty without a test part."""

    model: str
    parameters: Count
    ensemble: AtLeastOne
    epochs: list[AtLeastOne]
    """Of each member."""
    kept_epochs: list[Count]
    """Number of the epoch that each member was taken from; 0: as it began."""
    stopped: list[str]
    """Why each member's training ended."""
    windows: dict[str, Count]
    """Of the training, validation and test part."""
    verdict: str
    remarks: list[str]
    """Sentences on chance, bias and coverage."""
    refit: dict[str, Count | list[AtLeastOne]] = field(default_factory=dict)
    """Windows and epochs of a second training, on all rows; empty: there was none."""
    members: list[tuple[str, Count]] = field(default_factory=list)
    """What each member changes and its parameters; empty where they differ by seed alone."""
    weights: dict[str, dict[str, Share]] = field(default_factory=dict)
    """Target -> method -> what it counts, if the model is a combination; the network first."""
    combined: list[str] = field(default_factory=list)
    """Methods whose median it is, if it is one."""
    metrics: dict[str, dict[str, Number]] = field(default_factory=dict)
    """Method -> metric -> value; the model's own is among the methods, as in `mae_by_step`."""
    quantile_metrics: dict[str, Number] = field(default_factory=dict)
    mae_by_step: dict[str, list[Number]] = field(default_factory=dict)
    worst_series: dict[str, Number] = field(default_factory=dict)
    best_series: dict[str, Number] = field(default_factory=dict)
    median_series: dict[str, Number] = field(default_factory=dict)
    coverage: dict[str, dict[Level, Number]] = field(default_factory=dict)
    """Kind of interval -> level -> share; the next three have the same keys."""
    interval_width: dict[str, dict[Level, Number]] = field(default_factory=dict)
    interval_score: dict[str, dict[Level, Number]] = field(default_factory=dict)
    coverage_by_step: dict[str, dict[Level, list[Number]]] = field(default_factory=dict)
    sum_coverage: dict[str, dict[Level, Number]] = field(default_factory=dict)
    """Of the sum over the horizon, by sample paths; the next two have the same keys."""
    sum_interval_width: dict[str, dict[Level, Number]] = field(default_factory=dict)
    sum_interval_score: dict[str, dict[Level, Number]] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)
    """Target -> its labels, where targets are labels; then the next three are there too."""
    accuracy_by_step: dict[str, list[Number]] = field(default_factory=dict)
    confusion: dict[str, list[list[Count]]] = field(default_factory=dict)
    """Target -> a row a label that came, and one for those never seen in training."""
    reliability: list[tuple[AtLeastOne, Share, Share]] = field(default_factory=list)
    """How many, mean probability and share that was right, by the probability of the label."""

    @property
    def network(self) -> str:
        """What was trained: the model itself, unless that is a combination."""
        counting = next(iter(self.weights.values()), {})
        return next(iter((*counting, *self.combined)), self.model)

    @property
    def combination_in_words(self) -> str:
        """A sentence on what the network is combined with, and a space; nothing if it is not."""
        if self.weights:
            return f"A combination by weights: {weights_in_words(self.weights)}. "
        return f"The median of {', '.join(self.combined)}. " if self.combined else ""

    def __post_init__(self) -> None:
        if {len(self.epochs), len(self.kept_epochs), len(self.stopped)} != {self.ensemble}:
            raise ValueError(f"not as many epochs as the {self.ensemble} members of the ensemble")
        if self.members and len(self.members) != self.ensemble:
            raise ValueError(f"not {self.ensemble} members")
        if any(kept > last for kept, last in zip(self.kept_epochs, self.epochs, strict=True)):
            raise ValueError("kept_epochs lie beyond epochs")
        for name in ("metrics", "mae_by_step", "accuracy_by_step"):
            methods = getattr(self, name)
            if methods and self.model not in methods:
                raise ValueError(f"{name} lacks the model {self.model}")
        if self.windows.keys() != {*PARTS}:
            raise ValueError(f"windows are not those of {', '.join(PARTS)}")
        if bool(self.metrics) != bool(self.windows["test"]):
            raise ValueError("metrics belong to a test part, and none is without them")
        for by_step in ("mae_by_step", "accuracy_by_step"):
            steps = {len(errors) for errors in getattr(self, by_step).values()}
            if len(steps) > 1 or 0 in steps:
                raise ValueError(f"{by_step} is not equally long for every method")
        sizes = {name: [len(each)] * (len(each) + 1) for name, each in self.classes.items()}
        if sizes != {name: [*map(len, rows)] for name, rows in self.confusion.items()}:
            raise ValueError("confusion has not a row and a column for each of the classes")


@dataclass(frozen=True, kw_only=True)
class EpochLine(Epoch):
    """A line of `metrics.jsonl`."""

    member: Count
    train_loss: Number
    learning_rate: FiniteFloat
    gradient_norms: dict[str, Number]


@dataclass(frozen=True)
class RunFiles:
    """All that the files of a run say; None stands for a file that is absent."""

    summary: Summary
    histories: list[list[Epoch]] | None
    """Epochs of each member; a loss that was no number is NaN."""
    sweeps: LrFound | None
    environment: Environment | None
    profile: dict[str, float] | None
    """Seconds of each part of the training."""


SWEPT_HEADER = b"seed,step,learning_rate,loss,smoothed_loss"
SUMMARY, ENVIRONMENT, EPOCH = TypeAdapter(Summary), TypeAdapter(Environment), TypeAdapter(EpochLine)
SWEPT = TypeAdapter(tuple[int, int, Rate, FiniteFloat, FiniteFloat])
PROFILE = TypeAdapter(dict[str, Seconds])


def read_run_files(run: Path, content: Mapping[str, Any], options: LrRangeConfig) -> RunFiles:
    """Read the files of a run.

    Args:
        run: the folder.
        content: the summary in the model file, which `summary.json` must say too.
        options: of the learning-rate range test.

    Raises:
        DataError: if one of them is damaged, or not of the run that the model file is of.
    """
    path = run / SUMMARY_FILE
    if path.is_file() and _canonical(path) != json.dumps(without_nan(content), sort_keys=True):
        raise DataError(f"{path}: not what {MODEL_FILE} says of this run; {REMEDY}")
    with _checking(f"{run / MODEL_FILE}: summary", REMEDY):
        summary = SUMMARY.validate_json(json.dumps(content), strict=True)
    return RunFiles(
        summary,
        _if_there(run / METRICS_FILE, lambda path: _histories(path, summary)),
        _if_there(run / LR_RANGE_FILE, lambda path: _sweeps(path, options)),
        _if_there(run / ENVIRONMENT_FILE, _environment),
        _if_there(run / PROFILE_FILE, _profile),
    )


def _if_there(path: Path, read: Callable[[Path], Read]) -> Read | None:
    return read(path) if path.is_file() else None


def _histories(path: Path, summary: Summary) -> list[list[Epoch]]:
    """The epochs of each member, of which none is missing and none is too many."""
    histories: dict[int, list[Epoch]] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        with _checking(f"{path}:{number}"):
            epoch = EPOCH.validate_json(line, strict=True)
        if epoch.validation_loss is None and summary.windows["validation"]:
            epoch = replace(epoch, validation_loss=math.nan)
        histories.setdefault(epoch.member, []).append(epoch)
    layers = {
        (member if summary.members else 0, *epoch.gradient_norms)
        for member, history in histories.items()
        for epoch in history
    }
    numbers = {member: [epoch.number for epoch in each] for member, each in histories.items()}
    wanted = {member: range(1, last + 1) for member, last in enumerate(summary.epochs)}
    # A range may be long, but not if it equals a list.
    lengths = {member: len(each) for member, each in numbers.items()}
    is_whole = lengths == {member: len(each) for member, each in wanted.items()}
    networks = len(summary.members) or 1
    if (
        len(layers) != networks
        or not is_whole
        or any([*wanted[m]] != n for m, n in numbers.items())
    ):
        raise DataError(f"{path}: not the epochs that {MODEL_FILE} tells of; {OPTIONAL}")
    return [histories[member] for member in wanted]


def _sweeps(path: Path, options: LrRangeConfig) -> LrFound:
    """The curves of the range test, and the rates that its rules suggest."""
    header, *lines = path.read_bytes().splitlines() or [b""]
    if header != SWEPT_HEADER:
        raise DataError(f"{path}:1: not {SWEPT_HEADER.decode()}; {OPTIONAL}")
    points: dict[int, list[Point]] = {}
    for number, line in enumerate(lines, 2):
        with _checking(f"{path}:{number}"):
            seed, _, *numbers = SWEPT.validate_python(tuple(line.split(b",")))
        points.setdefault(seed, []).append(Point(*numbers))
    sweeps = [
        Sweep(seed, tuple(each), suggest(each, options.last)) for seed, each in points.items()
    ]
    return lr_found(sweeps, options.rule, options.last)


def _environment(path: Path) -> Environment:
    with _checking(str(path)):
        return ENVIRONMENT.validate_json(path.read_bytes(), strict=True)


def _profile(path: Path) -> dict[str, float]:
    with _checking(str(path)):
        seconds = PROFILE.validate_json(path.read_bytes(), strict=True)
    if seconds.keys() != PROFILE_PARTS.keys():
        raise DataError(f"{path}: not the parts {', '.join(PROFILE_PARTS)}; {OPTIONAL}")
    return seconds


def _canonical(path: Path) -> str:
    """JSON with its keys in order, so that true is not 1; empty for what is no JSON."""
    try:
        return json.dumps(json.loads(path.read_bytes()), sort_keys=True)
    except (ValueError, RecursionError):
        return ""


@contextlib.contextmanager
def _checking(place: str, remedy: str = OPTIONAL) -> Iterator[None]:
    """Turn pydantic's complaint about a file into one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"{shown('.'.join(map(str, first['loc'])))}: " if first["loc"] else ""
        raise DataError(f"{place}: damaged: {where}{first['msg']}; {remedy}") from None
