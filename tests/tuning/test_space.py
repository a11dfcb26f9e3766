"""What a study searches: by size of the table, and always what the configuration allows."""

import itertools
from dataclasses import replace

import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from forecast.config.tree import changed
from forecast.config.tune import Range, candidates
from forecast.tuning.space import default_space, distributions, in_words, start_of, values_of
from tests.tuning.helpers import basis_in, config_of


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return basis_in(tmp_path_factory.mktemp("basis"), tune={}).prepared


def with_windows(prepared, count):
    """As if there were so many training windows."""
    train = prepared.windows["train"].subset(torch.zeros(count, dtype=torch.int64))
    return replace(prepared, windows={**prepared.windows, "train": train})


@pytest.mark.parametrize(
    ("windows", "there", "not_there"),
    [
        (50, {"transforms", "model.dropout", "training.loss"}, {"model.num_layers"}),
        (5_000, {"model.num_layers", "model.dropout"}, {"transforms"}),
        (60_000, {"model.num_layers"}, {"transforms", "model.dropout"}),
    ],
)
def test_the_space_goes_by_the_size_of_the_table(prepared, windows, there, not_there):
    space = default_space(with_windows(prepared, windows), prepared.config)
    assert there <= {*space}
    assert not not_there & {*space}
    assert {"training.learning_rate", "model.hidden_size", "training.batch_size"} <= {*space}


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"model": {"num_layers": 2, "hidden_size": [3, 4]}},
        {"model": {"segment": 4, "window_norm": "last"}},
        {"training": {"loss": {"quantile": {"levels": [0.1, 0.5, 0.9]}}}},
        {"model": {"start": "pretrained"}, "transforms": []},
    ],
)
def test_every_value_is_allowed_and_means_something_else(tmp_path, sections):
    prepared = basis_in(tmp_path, tune={}, **sections).prepared
    space = default_space(prepared, prepared.config)
    assert "training.learning_rate" in space
    for key, dimension in space.items():
        meant = [changed(prepared.config, {key: value}) for value in candidates(dimension)]
        assert all(first != second for first, second in itertools.pairwise(meant))


def test_logarithms_are_offered_for_positive_values_alone(prepared):
    def firsts(each):
        return [chain[0] for chain in default_space(each, each.config)["transforms"]]

    assert "log" in firsts(prepared)
    values = prepared.panel.values.copy()
    values[3] = -1
    assert "log" not in firsts(replace(prepared, panel=replace(prepared.panel, values=values)))


def test_ranges_are_whole_where_the_option_is(tmp_path):
    config = config_of(
        tmp_path,
        tune={
            "model.hidden_size": {"low": 2, "high": 9, "step": 3},
            "training.clip_norm": {"low": 1, "high": 9},
            "training.l2": {"low": 0, "high": 0.5, "step": 0.1},
            "training.batch_size": {"low": 4, "high": 64, "log": True},
            "training.loss": ["mse", {"huber": {"delta": 2.0}}, "mse"],
        },
    )
    assert distributions(config.tune, config) == {
        "model.hidden_size": IntDistribution(2, 8, step=3),
        "training.clip_norm": FloatDistribution(1.0, 9.0),
        "training.l2": FloatDistribution(0.0, 0.5, step=0.1),
        "training.batch_size": IntDistribution(4, 64, log=True),
        "training.loss": CategoricalDistribution(('"mse"', '{"huber": {"delta": 2.0}}')),
    }
    drawn = {"training.loss": '{"huber": {"delta": 2.0}}', "training.l2": 0.1}
    values = values_of(drawn, config.tune)
    assert values == {"training.loss": {"huber": {"delta": 2.0}}, "training.l2": 0.1}
    assert changed(config, values).training.loss.delta == 2.0


def test_the_start_is_what_the_configuration_says_already(tmp_path):
    config = config_of(
        tmp_path,
        tune={
            "training.learning_rate": Range(low=1e-3, high=1.0),
            "training.batch_size": [8, 16],
            "training.optimizer": ["sgd", {"adam": {"beta1": 0.9}}],
            "training.clip_norm": Range(low=1, high=2),
            "transforms": [["log"], ["standardize"]],
        },
    )
    assert start_of(config, config.tune) == {
        "training.learning_rate": 0.01,
        "training.batch_size": "16",
        "training.optimizer": '{"adam": {"beta1": 0.9}}',
        "transforms": '["standardize"]',
    }


def test_values_are_told_in_words():
    chain = ["log", {"difference": {"lag": 12}}, "standardize"]
    assert in_words(chain) == "log, difference lag 12, standardize"
    assert [in_words(each) for each in ([], None, True, 0.5, "mse")] == [
        *("none", "null", "true", "0.5", "mse")
    ]
