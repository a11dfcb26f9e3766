"""pytorch-forecasting's RecurrentNetwork: `lstm_pytorch_forecasting.py DIR cpu|cuda`."""

import sys

import lightning.pytorch as lightning
from pytorch_forecasting import RecurrentNetwork, TimeSeriesDataSet
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

FRAME = oil_temperature(sys.argv[1])
FRAME["step"] = range(len(FRAME))
DATASET = TimeSeriesDataSet(
    FRAME,
    time_idx="step",
    target="y",
    group_ids=["unique_id"],
    min_encoder_length=LOOKBACK,
    max_encoder_length=LOOKBACK,
    min_prediction_length=HORIZON,
    max_prediction_length=HORIZON,
    time_varying_unknown_reals=["y"],
    target_normalizer=None,
)


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    times = step_clock(lightning.Callback)
    model = RecurrentNetwork.from_dataset(
        DATASET, cell_type="LSTM", hidden_size=HIDDEN, rnn_layers=LAYERS, dropout=0.0
    )
    options = trainer_on(sys.argv[2])
    trainer = lightning.Trainer(**options, callbacks=[times], max_steps=steps + WARM_UP + 1)
    trainer.fit(model, DATASET.to_dataloader(train=True, batch_size=batch, num_workers=0))
    return times.rate(batch)


serve(measure)
