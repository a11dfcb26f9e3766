"""neuralforecast's LSTM, all steps at once: `lstm_neuralforecast.py DIR cpu|cuda`."""

import sys

import pytorch_lightning as lightning
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import LSTM
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


def measure(batch: int, steps: int) -> float:
    """Windows a second."""
    model = LSTM(
        h=HORIZON,
        input_size=LOOKBACK,
        encoder_n_layers=LAYERS,
        encoder_hidden_size=HIDDEN,
        decoder_layers=1,
        decoder_hidden_size=HIDDEN,
        recurrent=False,
        loss=MSE(),
        scaler_type="identity",
        batch_size=1,
        windows_batch_size=batch,
        max_steps=steps + WARM_UP + 1,
        callbacks=[step_clock(lightning.Callback)],
        **trainer_on(sys.argv[2]),
    )
    forecaster = NeuralForecast([model], freq="h")  # which copies the model
    forecaster.fit(FRAME)
    return forecaster.models[0].trainer_kwargs["callbacks"][0].rate(batch)


serve(measure)
