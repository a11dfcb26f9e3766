"""Error of forecast on ETTh1, 96 hours ahead: `etth1_ours.py DIR CONFIG [section.key=value ...]`.

Protocol of `benchmarks/accuracy.py`. Prints the mean squared error over all windows of the test
part, or of the validation part with `split.test=0`.
"""

import sys

import pandas as pd
import torch
from worker import be_quiet

from forecast.config.tree import read_config
from forecast.evaluate import trained_models
from forecast.forecasting.predict import member_forecasts
from forecast.prepare import new_session, prepare

ROWS = {"test": 14_400, "validation": 11_520}


def main() -> None:
    """Train and stream the windows of the part."""
    folder, path, *overrides = sys.argv[1:]
    be_quiet()
    config = read_config(path, overrides)
    part = "test" if config.split.test else "validation"
    prepared = prepare(config, pd.read_csv(f"{folder}/ETTh1.csv", nrows=ROWS[part]))
    session = new_session(prepared, torch.device("cpu"))
    for _ in session.run():
        pass
    windows, total, count = prepared.windows[part], 0.0, 0
    for index, members in member_forecasts(trained_models(prepared, session), windows, 512):
        target = windows.gather(torch.from_numpy(index)).target
        error = torch.from_numpy(members[0][..., 0]) - target
        total, count = total + float(error.double().square().sum()), count + error.numel()
    print(total / count)


main()
