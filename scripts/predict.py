"""Forecast from a trained model: `python scripts/predict.py RUN [--horizon N ...]`."""

import sys

from forecast.cli.main import main

sys.argv.insert(1, "predict")
sys.exit(main())
