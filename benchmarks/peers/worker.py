"""A worker measures when it is asked to: a line of numbers in on stdin, one number out."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

LOOKBACK, HORIZON, LAYERS, HIDDEN = 96, 24, 2, 64
WARM_UP = 5
"""Steps before the clock starts."""
TRAINER = {
    "accelerator": "cpu",
    "devices": 1,
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}
"""Options of a Lightning trainer that does nothing but train."""


def trainer_on(device: str) -> dict[str, object]:
    """The same on cpu or cuda."""
    return {**TRAINER, "accelerator": "gpu" if device == "cuda" else "cpu"}


def serve(measure: Callable[..., object]) -> None:
    """Answer each line on stdin with what a function of its numbers returns, until stdin ends.

    A function that returns no number is answered for with its seconds. What libraries print goes to
    stderr.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    be_quiet()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        found = measure(*map(int, line.split()))
        seconds = time.perf_counter() - began
        print(found if isinstance(found, float) else seconds, file=answers, flush=True)


def be_quiet() -> None:
    """No warnings and no log of the libraries."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)


def step_clock(callback: type) -> Any:
    """A Lightning callback that notes the time after each step; `callback` is its base class.

    Its `rate(batch)` is windows a second over all steps but the first few. A GPU has done the first
    and the last of them when their times are noted.
    """

    class StepClock(callback):
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if len(self.times) in (WARM_UP, trainer.max_steps - 1):
                wait_for_gpu()
            self.times.append(time.perf_counter())

        def rate(self, batch: int) -> float:
            steps = len(self.times) - 1 - WARM_UP
            return steps * batch / (self.times[-1] - self.times[WARM_UP])

    return StepClock()


def wait_for_gpu() -> None:
    """Until all that it was told to do is done, if there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def oil_temperature(folder: str) -> Any:
    """ETTh1's column OT with its times, standardised: columns unique_id, ds, y."""
    import pandas as pd

    table = pd.read_csv(f"{folder}/ETTh1.csv", usecols=["date", "OT"], parse_dates=["date"])
    values = (table["OT"] - table["OT"].mean()) / table["OT"].std()
    return pd.DataFrame({"unique_id": "OT", "ds": table["date"], "y": values.astype("float32")})


def panel(series: int, rows: int = LOOKBACK + HORIZON) -> Any:
    """Random walks of some series of equal length, a row a minute: columns unique_id, ds, y."""
    import numpy as np
    import pandas as pd

    steps = np.random.default_rng(0).normal(size=(series, rows))
    times = pd.date_range("2024-01-01", periods=rows, freq="min")
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"series-{number}" for number in range(series)], rows),
            "ds": np.tile(times, series),
            "y": steps.cumsum(axis=1).ravel().astype("float32"),
        }
    )
