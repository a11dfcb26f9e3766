"""One training in the workers of ray.train: the loop that its TorchTrainer starts in each.

    TorchTrainer(
        train_loop,
        train_loop_config={"config": "/shared/sales.yaml", "run": "/shared/runs/sales"},
        scaling_config=ScalingConfig(num_workers=4),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=3)),
    ).fit()

Ray tells each worker its place by the environment, as torchrun does; ray is not imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forecast.cli.main import main
from forecast.errors import ForecastError


def train_loop(settings: Mapping[str, Any]) -> None:
    """Train in this worker along with the others; rank 0 writes the run.

    Args:
        settings: `config`, the path of a configuration; `run`, the folder; `overrides`, a list such
            as ["training.epochs=5"], if any. Table and folder must be where all workers find them.

    Raises:
        ForecastError: if the training fails; the worker's log says why.
    """
    code = main(command(settings["config"], settings["run"], settings.get("overrides", ())))
    if code:
        raise ForecastError(f"forecast train ended with exit code {code}; its log says why")


def command(config: str, run: str, overrides: Sequence[str]) -> list[str]:
    """The words of the command; after a failure it goes on with what was saved.

    Args:
        config: path of the configuration.
        run: folder of the run.
        overrides: of the configuration.
    """
    if (Path(run) / "config.yaml").exists():
        return ["train", "--resume", run]
    return ["train", config, "--run", run, *overrides]
