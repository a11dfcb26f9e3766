"""Labels in a configuration: how they are written, what they have by default, what they refuse."""

import pytest

from forecast.config.labels import Label
from forecast.config.losses import CrossEntropy
from forecast.config.tree import Config, config_from, write_config
from forecast.config.yaml import read_yaml
from tests.config.helpers import SCHEMA, accepted, plain

STATE = "data: {path: a, target: {state: {encoding: label}}}\n"
BOTH = "data: {path: a, target: [{state: {encoding: label}}, {sky: {encoding: label}}]}\n"


@pytest.mark.parametrize(
    ("text", "targets"), [(STATE, ("state",)), (BOTH, ("state", "sky"))], ids=["one", "two"]
)
def test_labels_are_written_like_covariates_and_read_back_equal(text, targets):
    config = accepted(text)
    assert config.data.targets == config.data.labels == targets
    assert config.data.target == tuple(Label(name=name, encoding="label") for name in targets)
    written = write_config(config)
    assert accepted(written) == config
    for each in (text, written):
        SCHEMA.validate(plain(read_yaml(each, "c").value))
    assert config_from(config.model_dump()) == Config(**config.model_dump()) == config


def test_labels_have_no_transforms_no_intervals_and_a_loss_of_their_own():
    config = accepted(STATE)
    assert config.transforms == config.intervals.levels == ()
    assert config.training.loss == CrossEntropy(label_smoothing=0, class_weights="none")
    config = accepted(f"{STATE}training: {{epochs: 3, batch_size: 8}}\nintervals: {{rate: 0}}\n")
    assert (config.training.epochs, config.training.loss.key()) == (3, "cross_entropy")
    assert (config.intervals.rate, config.intervals.levels) == (0, ())
    config = accepted(f"{STATE}training: {{loss: {{cross_entropy: 0.1}}}}\n")
    assert config.training.loss == CrossEntropy(label_smoothing=0.1)


def test_numbers_keep_their_names():
    config = accepted("data: {path: a, target: [y, z]}\n")
    assert config.data.target == config.data.targets == ("y", "z")
    assert config.data.labels == ()
    assert len(config.transforms) == 1


@pytest.mark.parametrize(
    "target",
    ["{state: {encoding: lable}}", "{state: {}}", "{state: label}", "{}", "[{a: {encoding: 3}}]"],
)
def test_the_schema_refuses_other_targets(target):
    values = plain(read_yaml(f"data: {{path: a, target: {target}}}\n", "c").value)
    assert not SCHEMA.is_valid(values)
