"""gluonts' DeepAR, which learns a distribution, so more work: `lstm_gluonts.py DIR`."""

import sys

import lightning.pytorch as lightning
from gluonts.dataset.pandas import PandasDataset
from gluonts.torch import DeepAREstimator
from worker import (
    HIDDEN,
    HORIZON,
    LAYERS,
    LOOKBACK,
    TRAINER,
    WARM_UP,
    oil_temperature,
    serve,
    step_clock,
)

DATASET = PandasDataset(oil_temperature(sys.argv[1]).set_index("ds")["y"], freq="h")


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    times = step_clock(lightning.Callback)
    estimator = DeepAREstimator(
        freq="h",
        prediction_length=HORIZON,
        context_length=LOOKBACK,
        num_layers=LAYERS,
        hidden_size=HIDDEN,
        dropout_rate=0.0,
        batch_size=batch,
        num_batches_per_epoch=steps + WARM_UP + 1,
        trainer_kwargs={**TRAINER, "max_epochs": 1, "callbacks": [times]},
    )
    estimator.train(DATASET)
    return times.rate(batch)


serve(measure)
