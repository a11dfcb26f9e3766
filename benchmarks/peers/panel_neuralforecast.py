"""Seconds to forecast a panel, frame to frame: `panel_neuralforecast.py SERIES`."""

import sys

from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM
from worker import HIDDEN, HORIZON, LAYERS, LOOKBACK, TRAINER, panel, serve

FRAME = panel(int(sys.argv[1]))
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
FORECASTER = NeuralForecast([MODEL], freq="min")
FORECASTER.fit(FRAME)
serve(lambda: FORECASTER.predict(df=FRAME))
