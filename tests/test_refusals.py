"""Every refusal of refusals.yaml is made by the real reader or command, in exactly its words."""

from pathlib import Path

import pytest
import yaml

from forecast.config.tree import config_from
from forecast.config.yaml import read_yaml
from forecast.errors import ConfigError, ForecastError
from forecast.prepare import prepare
from tests.config.helpers import DATA, accepted
from tests.helpers import refusal

REFUSALS = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text(encoding="utf-8"))


TEXT_READERS = {
    "yaml": lambda text: read_yaml(text, "c.yaml"),
    "configurations": accepted,
    "options": lambda text: accepted(f"{DATA}{text}\n"),
    "data": lambda text: accepted(f"seed: 1\ndata: {{{text}}}\n"),
    "overrides": lambda override: accepted(f"{DATA}training: {{batch_size: 3}}\n", override),
}


SMALL = {
    "data": {"path": "table.csv"},
    "split": {"validation": 1, "test": 2},
    "window": {"lookback": 2, "horizon": 1},
}


def name_of(entry):
    return " ".join([entry["given"], *entry.get("with", ())])[:80]


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        pytest.param(section, entry, id=f"{section}: {name_of(entry)}")
        for section in TEXT_READERS
        for entry in REFUSALS[section]
    ],
)
def test_a_configuration_is_refused_in_these_words(section, entry):
    assert refusal(TEXT_READERS[section], entry["given"], error=ConfigError) == entry["says"]


@pytest.mark.parametrize("entry", REFUSALS["tables"], ids=name_of)
def test_a_table_is_refused_in_these_words(entry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(entry["given"].replace(" | ", "\n"), encoding="utf-8")
    config = config_from(SMALL, entry.get("with", ()))
    assert refusal(prepare, config, error=ForecastError) == entry["says"]
