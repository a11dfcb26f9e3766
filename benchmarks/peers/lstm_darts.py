"""darts' BlockRNNModel: `lstm_darts.py DIR cpu|cuda`."""

import sys

import pytorch_lightning as lightning
from darts import TimeSeries
from darts.models import BlockRNNModel
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

SERIES = TimeSeries.from_dataframe(oil_temperature(sys.argv[1]), "ds", "y", freq="h")


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    times = step_clock(lightning.Callback)
    trainer = trainer_on(sys.argv[2])
    model = BlockRNNModel(
        LOOKBACK,
        HORIZON,
        model="LSTM",
        hidden_dim=HIDDEN,
        n_rnn_layers=LAYERS,
        batch_size=batch,
        n_epochs=1000,
        pl_trainer_kwargs={**trainer, "callbacks": [times], "max_steps": steps + WARM_UP + 1},
    )
    model.fit(SERIES)
    return times.rate(batch)


serve(measure)
