"""darts' BlockRNNModel: `lstm_darts.py DIR`."""

import sys

import pytorch_lightning as lightning
from darts import TimeSeries
from darts.models import BlockRNNModel
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

SERIES = TimeSeries.from_dataframe(oil_temperature(sys.argv[1]), "ds", "y", freq="h")


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    times = step_clock(lightning.Callback)
    model = BlockRNNModel(
        LOOKBACK,
        HORIZON,
        model="LSTM",
        hidden_dim=HIDDEN,
        n_rnn_layers=LAYERS,
        batch_size=batch,
        n_epochs=1000,
        pl_trainer_kwargs={**TRAINER, "callbacks": [times], "max_steps": steps + WARM_UP + 1},
    )
    model.fit(SERIES)
    return times.rate(batch)


serve(measure)
