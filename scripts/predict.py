"""Forecast from a trained model: `python scripts/predict.py RUN [--horizon N ...]`."""

import sys

from forecast.cli.main import main

sys.exit(main(["predict", *sys.argv[1:]]))
