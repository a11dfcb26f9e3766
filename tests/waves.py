"""Two noisy waves, one of which may stand alone, and trainings on them."""

import numpy as np
import pandas as pd
import torch

from forecast.experiment import evaluated, write_run
from forecast.prepare import new_session, prepare
from forecast.training.profile import Profile
from tests.helpers import small_config

CPU = torch.device("cpu")
ROWS, SEASON, TEST = 72, 12, 15
RANDOM = np.random.default_rng(3)
MONTHS = pd.date_range("2018-01-01", periods=ROWS, freq="MS")


def wave(level):
    noise = RANDOM.normal(0, 1, ROWS)
    return level + 10 * np.sin(np.arange(ROWS) * np.pi / 6) + np.arange(ROWS) / 5 + noise


TABLE = pd.concat(
    [
        pd.DataFrame({"ds": MONTHS, "unique_id": name, "y": wave(level), "z": wave(level) * 2})
        for name, level in (("a", 50.0), ("b", 200.0))
    ],
    ignore_index=True,
)
SINGLE = TABLE[TABLE.unique_id == "a"].drop(columns="unique_id").reset_index(drop=True)


def config(data=(), **sections):
    transforms = ("log", {"difference": {"lag": 1}}, "standardize")
    sections = {"transforms": transforms, "split": {"test": TEST}, **sections}
    return small_config(data={"target": ("y", "z"), **dict(data)}, **sections)


def session_of(chosen, table, folder=None):
    """A training that is over, with its data."""
    prepared = prepare(chosen, table)
    session = new_session(prepared, CPU, folder)
    for _ in session.run():
        pass
    session.prepared = prepared
    return session


def finish(session):
    """The trained model; its run is written if there is a folder."""
    model = evaluated(session.prepared, session)
    if session.folder is not None:
        write_run(session.folder, session, model, Profile())
    return model
