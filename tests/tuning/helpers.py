"""What the tests of studies share: a small table, what is searched of it, and quick trials."""

import numpy as np
import pandas as pd

from forecast.config.tree import config_from
from forecast.data.assemble import read_panel
from forecast.tuning.objective import Failed, Reported, Scored, basis_of

ROWS = 72
SPACE = {
    "training.learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
    "model.hidden_size": [3, 4],
}


def table(rows=ROWS):
    """Months with a season and some noise."""
    noise = np.random.default_rng(6).normal(0, 1, rows)
    months = pd.date_range("2018-01-01", periods=rows, freq="MS").strftime("%Y-%m-%d")
    sales = 50 + 10 * np.sin(np.arange(rows) * np.pi / 6) + noise
    return pd.DataFrame({"month": months, "sales": sales.round(3)})


def config_of(folder, frame=None, **sections):
    """A configuration of the table, which is written to a folder."""
    path = folder / "table.csv"
    (table() if frame is None else frame).to_csv(path, index=False)
    return config_from(
        {
            "data": {"path": str(path), "time": "month", "target": "sales"},
            "split": {"validation": 9, "test": 12},
            "window": {"lookback": 12, "horizon": 3},
            "model": {"hidden_size": 4},
            "training": {"epochs": 3, "learning_rate": 0.01, "batch_size": 16},
            "tune": SPACE,
        }
        | sections
    )


def basis_in(folder, frame=None, **sections):
    """What the trials of a configuration have in common."""
    config = config_of(folder, frame, **sections)
    return basis_of(config, read_panel(config.data))


class Scripted:
    """A runner whose trials do what they are told, at no cost: a list of events each."""

    def __init__(self, events, slots=1):
        self.events, self.slots = events, slots
        self.running, self.started, self.stopped, self.is_closed = {}, [], [], False

    def start(self, number, config):
        self.started.append((number, config))
        self.running[number] = iter(self.events(number, config))

    def next(self, seconds):
        for number, events in self.running.items():
            event = next(events)
            if not isinstance(event, Reported):
                del self.running[number]
            return number, event
        return None

    def answer(self, number, goes_on):
        if not goes_on:
            self.stopped.append(number)
            del self.running[number]

    def close(self):
        self.is_closed = True


def scored(score, epochs=3):
    """A trial that ends well: its score falls to the one given."""
    return [
        *(Reported(epoch, float(score + epochs - epoch)) for epoch in range(1, epochs + 1)),
        Scored(float(score), epochs, epochs, 100),
    ]


def failed(reason):
    return [Failed(reason)]
