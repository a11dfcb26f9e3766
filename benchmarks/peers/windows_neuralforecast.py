"""Windows a second, all windows of a series, frame to frame: `windows_neuralforecast.py DIR`."""

import sys
import time

from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, TRAINER, oil_temperature, serve

FRAME = oil_temperature(sys.argv[1])
MODEL = LSTM(
    h=HORIZON,
    input_size=LOOKBACK,
    encoder_n_layers=LAYERS,
    encoder_hidden_size=HIDDEN,
    decoder_layers=1,
    decoder_hidden_size=HIDDEN,
    recurrent=False,
    scaler_type="standard",
    max_steps=1,
    **TRAINER,
)
FORECASTER = NeuralForecast([MODEL], freq="h")
FORECASTER.fit(FRAME)


def measure() -> float:
    """The frame was read by `fit`."""
    began = time.perf_counter()
    windows = len(FORECASTER.predict_insample(step_size=1)) / HORIZON
    return windows / (time.perf_counter() - began)


serve(measure)
