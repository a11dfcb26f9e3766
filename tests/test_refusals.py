"""Every refusal of refusals.yaml is made by the real reader or command, in exactly its words."""

from pathlib import Path

import pytest
import yaml

from forecast.config.tree import build_config
from forecast.config.yaml import read_yaml
from forecast.errors import ConfigError
from tests.helpers import refusal

REFUSALS = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text(encoding="utf-8"))


def configured(text, *overrides):
    """The configuration that a text and overrides make."""
    return build_config(read_yaml(text, "c.yaml"), "c.yaml", overrides)


TEXT_READERS = {
    "yaml": lambda text: read_yaml(text, "c.yaml"),
    "configurations": configured,
    "options": lambda text: configured(f"data: {{path: a.csv}}\n{text}\n"),
    "data": lambda text: configured(f"seed: 1\ndata: {{{text}}}\n"),
    "overrides": lambda override: configured(
        "data: {path: a.csv}\ntraining: {batch_size: 3}\n", override
    ),
}


def cases(*sections):
    """A test for each entry of these sections, named after what is given."""
    return [
        pytest.param(section, *entry.values(), id=f"{section}: {entry['given'][:60]}")
        for section in sections
        for entry in REFUSALS[section]
    ]


@pytest.mark.parametrize(("section", "given", "line"), cases(*TEXT_READERS))
def test_a_configuration_is_refused_in_these_words(section, given, line):
    assert refusal(TEXT_READERS[section], given, error=ConfigError) == line
