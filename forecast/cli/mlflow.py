"""A training in MLflow, on request: its configuration, epochs, scores, files and model."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from forecast.cli.tensorboard import scalars_of
from forecast.config.tree import read_config
from forecast.errors import ConfigError, extra_missing, printable, without_secrets
from forecast.forecasting.model_file import load
from forecast.forecasting.trained import TrainedModel
from forecast.runs.folder import (
    CONFIG_FILE,
    MODEL_FILE,
    RESUME_FILE,
    RUN_FILES,
    SUMMARY_FILE,
    RunFolder,
)
from forecast.training.agreement import flat
from forecast.training.progress import Progress
from forecast.training.watch import Show

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("forecast")

EXPERIMENT = "forecast"
"""Under which all runs stand."""
SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""What the environment gets where it does not say otherwise: a folder may be a store, nobody is
told of its use, nothing is printed between our lines, and a server that is gone is not waited for
long."""
LONGEST_VALUE = 500
"""Letters of a parameter; a longer one is cut."""
MOST_REASON = 200
"""Letters of what mlflow says is wrong."""
LEFT_OUT = (MODEL_FILE, RESUME_FILE)
"""Files of a run that are no artefacts: the model is one by itself, nobody resumes from there."""
LIBRARY = "forecast-lstm"
"""What an environment of the logged model installs."""


@contextlib.contextmanager
def mlflow(uri: str | None, folder: RunFolder) -> Iterator[Show]:
    """A function that logs each epoch of a training, whose end is logged with its files.

    A server that is lost on the way costs a warning, not the training.

    Args:
        uri: of the tracking store; None: nothing is logged.
        folder: of the run.

    Raises:
        ConfigError: if mlflow is not installed, or the store cannot be opened.
    """
    if uri is None:
        yield lambda _: None
        return
    sink = _Sink(uri, folder)
    try:
        yield sink.record
    except BaseException as error:
        sink.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    sink.finish()


class _Sink:
    """One run of a tracking store."""

    def __init__(self, uri: str, folder: RunFolder) -> None:
        os.environ.update({name: os.environ.get(name, to) for name, to in SETTINGS.items()})
        with catch_warnings(action="ignore"):  # no matter of the user's
            try:
                from mlflow import MlflowClient
            except ImportError:
                raise extra_missing("--mlflow", "mlflow", "mlflow") from None
            try:
                self.client = MlflowClient(uri)
                self.experiment = self._experiment()
            except Exception as error:  # of mlflow, sqlalchemy or the network
                raise ConfigError(
                    f"--mlflow {uri}: cannot be opened; give file:///DIR, sqlite:///FILE or the"
                    f" address of a server that answers ({_reason(error)})"
                ) from None
        self.folder, self.run, self.is_lost = folder, "", False

    def record(self, progress: Progress) -> None:
        """Log an epoch; the configuration with the first one, when the run has begun."""
        if progress.is_done and not progress.is_again:
            self._try(self._record, progress)

    def finish(self) -> None:
        """Log the scores, the files and the model of a finished run."""
        self._try(self._finish)
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Say how the run ended."""
        if self.run:
            self._try(self.client.set_terminated, self.run, status)

    def _record(self, progress: Progress) -> None:
        if not self.run:
            self._begin()
        values = scalars_of(progress.epoch)
        named = {f"{progress.member}/{name}": value for name, value in values.items()}
        self._metrics(named, progress.epoch.number)

    def _finish(self) -> None:
        if not self.run:  # it was resumed behind its last epoch
            self._begin()
        home = self.folder.home
        summary = json.loads((home / SUMMARY_FILE).read_text(encoding="utf-8"))
        scores = summary.get("metrics", {}).get(summary["model"], {})
        self._metrics({f"test/{name}": v for name, v in scores.items() if v is not None}, 0)
        for name in RUN_FILES:
            if name not in LEFT_OUT and (home / name).exists():
                self.client.log_artifact(self.run, str(home / name))
        with tempfile.TemporaryDirectory() as place:
            save_model(home / MODEL_FILE, Path(place) / "model")
            self.client.log_artifacts(self.run, str(Path(place) / "model"), "model")

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id if found else self.client.create_experiment(EXPERIMENT))

    def _begin(self) -> None:
        from mlflow.entities import Param

        home = self.folder.home.absolute()
        run = self.client.create_run(self.experiment, run_name=home.name)
        self.run = run.info.run_id
        self.client.set_tag(self.run, "forecast.run", str(home))
        config = read_config(self.folder.path / CONFIG_FILE).model_dump(mode="json")
        values = {key: json.dumps(value) for key, value in flat(config)}
        values = {key: text.strip('"')[:LONGEST_VALUE] for key, text in values.items()}
        self.client.log_batch(self.run, params=[Param(*each) for each in values.items()])

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        self.client.log_batch(self.run, metrics=metrics)

    def _try(self, act: Callable[..., object], *given: object) -> None:
        """Do something with the store, unless it was lost before; what is lost now is said once."""
        if self.is_lost:
            return
        from mlflow.exceptions import MlflowException

        try:
            with catch_warnings(action="ignore"):  # no matter of the user's
                act(*given)
        except (MlflowException, OSError) as error:
            self.is_lost = True
            log.warning("--mlflow: nothing more is logged: %s", _reason(error))


def _reason(error: Exception) -> str:
    """The beginning of what went wrong."""
    text = printable(without_secrets(" ".join(str(error).split()))) or type(error).__name__
    return text if len(text) <= MOST_REASON else f"{text[: MOST_REASON - 3]}..."


# The model, as MLflow loads it: no pickle, but our own file and the name of this module.


def save_model(file: Path, path: Path) -> None:
    """Write a folder that `mlflow.pyfunc.load_model` reads.

    Args:
        file: of a trained model.
        path: of the folder; it is not there yet.
    """
    import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        str(path), loader_module=__name__, data_path=str(file), pip_requirements=[LIBRARY]
    )


def _load_pyfunc(path: str) -> _Served:
    """What MLflow calls to load the model."""
    return _Served(load(path))


class _Served:
    """A trained model with the method that MLflow asks for."""

    def __init__(self, trained: TrainedModel) -> None:
        self.trained = trained

    def predict(
        self,
        data: pd.DataFrame | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """The forecast after the last rows of a table, which is the training table without one."""
        return self.trained.forecast(data if data is not None and len(data) else None)
