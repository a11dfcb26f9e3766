"""gluonts' DeepAR, which learns a distribution, so more work: `lstm_gluonts.py DIR cpu|cuda`."""

import sys
import tempfile

import lightning.pytorch as lightning
from gluonts.dataset.pandas import PandasDataset
from gluonts.torch import DeepAREstimator
from worker import (
    HIDDEN,
    HORIZON,
    LAYERS,
    LOOKBACK,
    WARM_UP,
    oil_temperature,
    serve,
    step_clock,
    trainer_on,
)

DATASET = PandasDataset(oil_temperature(sys.argv[1]).set_index("ds")["y"], freq="h")


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    times = step_clock(lightning.Callback)
    with tempfile.TemporaryDirectory() as folder:  # it cannot do without checkpoints
        options = {"enable_checkpointing": True, "default_root_dir": folder, "max_epochs": 1}
        train(batch, steps, {**trainer_on(sys.argv[2]), **options, "callbacks": [times]})
    return times.rate(batch)


def train(batch: int, steps: int, trainer: dict[str, object]) -> None:
    """One epoch."""
    estimator = DeepAREstimator(
        freq="h",
        prediction_length=HORIZON,
        context_length=LOOKBACK,
        num_layers=LAYERS,
        hidden_size=HIDDEN,
        dropout_rate=0.0,
        batch_size=batch,
        num_batches_per_epoch=steps + WARM_UP + 1,
        trainer_kwargs=trainer,
    )
    estimator.train(DATASET)


serve(measure)
