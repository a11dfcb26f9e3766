"""Which columns `config init` takes for labels, and what it proposes for them."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.config.tree import build_config
from forecast.config.yaml import read_yaml
from tests.helpers import refusal
from tests.proposed import propose

ROWS = 90
DAYS = pd.date_range("2024-01-01", periods=ROWS)
STATE = np.array(["calm", "rain", "storm"])[np.arange(ROWS) % 3]


def config_of(frame, **options):
    return build_config(read_yaml(propose(frame, **options), "proposal"), "proposal")


def frame_of(**columns):
    return pd.DataFrame({"ds": DAYS, **columns})


@pytest.mark.parametrize(
    ("columns", "options", "labels"),
    [
        ({"state": STATE}, {}, ("state",)),
        ({"windy": STATE != "calm"}, {}, ("windy",)),
        ({"state": STATE, "y": np.arange(ROWS) % 7}, {}, ()),
        ({"state": STATE, "y": np.arange(ROWS) % 7}, {"targets": ["state"]}, ("state",)),
        ({"y": np.arange(ROWS) % 3}, {}, ()),
        ({"y": np.arange(ROWS) % 3}, {"targets": ["y"], "labels": True}, ("y",)),
        ({"state": STATE, "note": [f"n{n}" for n in range(ROWS)]}, {}, ("state",)),
        ({"state": STATE, "day": DAYS.astype(str)}, {}, ("state",)),
    ],
    ids=["text", "truth", "numbers first", "named", "whole", "told", "remarks", "dates"],
)
def test_texts_and_truth_values_are_labels_and_whole_numbers_when_told(columns, options, labels):
    config = config_of(frame_of(**columns), **options)
    assert config.data.labels == labels
    assert config.data.targets == (labels or ("y",))
    if labels:
        assert config.transforms == config.partners == config.intervals.levels == ()
        assert config.training.loss.key() == "cross_entropy"


def test_gaps_are_filled_by_the_label_before():
    state = STATE.astype(object)
    state[10:13] = None
    assert config_of(frame_of(state=state)).data.missing == "forward_fill"


def test_what_is_proposed_can_be_trained():
    frame = frame_of(state=STATE)
    config = config_of(frame)
    short = config.training.model_copy(update={"epochs": 1, "ensemble": 1})
    trained = forecast.train(config.model_copy(update={"training": short}), frame)
    assert trained.pipeline.labels.counts == (3,)
    assert len(trained.forecast()) == config.window.horizon


def test_what_cannot_be_is_refused_in_one_line():
    both = frame_of(state=STATE, y=np.arange(ROWS) % 7)
    said = refusal(config_of, both, targets=["state", "y"], error=forecast.ConfigError)
    assert "'state' is a label and 'y' a number" in said
    said = refusal(config_of, both[["ds", "y"]], labels=True, error=forecast.DataError)
    assert said == "data: no column of labels to forecast; name one with --target"
    said = refusal(forecast.quick, both[["ds", "state"]], error=forecast.ConfigError)
    assert said.startswith("data: 'state' is a label, which only a training learns")


def test_a_slip_among_numbers_makes_no_labels():
    slipped = np.arange(ROWS).astype(str).astype(object)
    slipped[7] = "12a"
    said = refusal(config_of, frame_of(y=slipped), targets=["y"], error=forecast.DataError)
    assert "12a" in said
