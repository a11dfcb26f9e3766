"""What is to be forecast, and one file of it: this is what every worker process does."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from forecast.errors import ConfigError, DataError
from forecast.forecasting.history import SkippedError
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.runs.files import kind_of
from forecast.runs.log import warnings_of_thread
from forecast.runs.memory import give_back_freed_memory
from forecast.tables.parts import parts_of, version_of
from forecast.tables.remote import is_address, is_named, name_address, remote_version
from forecast.tables.write import for_spreadsheets, write_table
from forecast.training.device import choose_device

TOO_SHORT = "too short"
"""What a file is called, among warnings, of which every series is skipped."""


@dataclass(frozen=True)
class Job:
    """Which model forecasts which folder, how, and where to."""

    run: str
    """Run folder or model file."""
    data: str
    """Folder of Parquet files, or the address of one."""
    output: str
    """Folder; each file has a place in it like that in the folder of the data."""
    suffix: str = ".parquet"
    """Of the files written: `.parquet` or `.csv`."""
    horizon: int | None = None
    level: tuple[float, ...] | None = None
    samples: int | None = None
    """Paths in place of intervals."""
    seed: int = 0
    """Of the paths."""
    future: str | None = None
    without_partners: bool = False
    safe_csv: bool = False
    device: str = "cpu"

    def target(self, file: str) -> Path:
        """Where the forecast of a file goes."""
        return Path(self.output) / Path(file).with_suffix(self.suffix)

    def loaded(self) -> TrainedModel:
        """The model that forecasts.

        Raises:
            DataError, DeviceError: as `load`.
        """
        trained = load(self.run, choose_device(self.device))
        return trained.without_partners() if self.without_partners else trained

    def options(self) -> dict[str, Any]:
        """What a forecast depends on beside the model and the data."""
        given = asdict(replace(self, level=None))
        asked = {
            name: given[name] for name in ("suffix", "horizon", "without_partners", "safe_csv")
        }
        if self.samples is not None:
            asked |= {"samples": self.samples, "seed": self.seed}
        future = None if self.future is None else digest_of(self.future)
        return {**asked, "level": None if self.level is None else [*self.level], "future": future}


@dataclass(frozen=True)
class Finished:
    """What came of a file."""

    file: str
    """As its folder names it."""
    data: str = ""
    """Tells its content from any other."""
    size: int = 0
    """Bytes of its forecast."""
    series: int = 0
    rows: int = 0
    warnings: tuple[tuple[str, str], ...] = ()
    """What each is, so that it can be counted, and its words."""
    error: str | None = None
    """Why there is no forecast."""


class Forecaster:
    """A model that forecasts the files of a job one by one."""

    def __init__(self, job: Job, trained: TrainedModel | None = None) -> None:
        for address in filter(is_address, (job.data, job.future or "")):
            name_address(address)  # the command line has named it, perhaps in another process
        self.job, self.trained = job, trained or job.loaded()

    @property
    def is_on_cpu(self) -> bool:
        """Whether CPUs do the work."""
        return next(self.trained.models[0].parameters()).device.type == "cpu"

    def __call__(self, file: str) -> Finished:
        """Forecast a file, and write what comes of it; an error of its table is told, not raised.

        Raises:
            OSError: if the disk is full.
        """
        with warnings_of_thread() as warnings:
            try:
                found = self._written(file)
            except SkippedError as error:  # other files have other series
                return Finished(file, warnings=((TOO_SHORT, str(error)),))
            except DataError as error:
                return Finished(file, error=str(error))
            finally:
                give_back_freed_memory()
        return replace(found, warnings=tuple(warnings))

    def _written(self, file: str) -> Finished:
        job, trained = self.job, self.trained
        data, target = version_of(job.data, file), job.target(file)
        asked, each = (job.future, job.horizon), job.samples or len(trained.pipeline.targets)
        with parts_of(job.data, [file]) as (part,):
            if job.samples is None:
                table = trained.forecast(part, *asked, job.level)
            else:
                table = trained.sample(part, job.samples, job.seed, *asked).table
        steps = (job.horizon or trained.config.window.horizon) * each
        table = for_spreadsheets(table) if job.safe_csv else table
        make_folders(Path(job.output), target)
        write_table(table, target)
        size = os.path.getsize(target)
        return Finished(file, data, size, len(table) // steps, len(table))


def digest_of(path: str | Path) -> str:
    """SHA-256 of a file; empty for what cannot be read, which its reader will tell."""
    if is_named(str(path)):
        return remote_version(str(path))
    try:
        if os.path.isfile(path):  # a pipe would be waited for
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass
    return ""


def make_folders(output: Path, target: Path) -> None:
    """Make the folders between the output and a file in it; ConfigError for a link among them."""
    for folder in reversed(target.relative_to(output).parents[:-1]):
        place = output / folder
        place.mkdir(exist_ok=True)
        if kind_of(place) != "a folder":
            raise ConfigError(f"{place} is {kind_of(place)}; give another --output")
