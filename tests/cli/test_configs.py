"""`forecast config show` and `config schema`."""

import json
from pathlib import Path

from forecast.config.json_schema import json_schema
from forecast.config.tree import read_config


def test_show_prints_all_defaults_and_reads_back(place, call):
    for option in ([], ["--json"]):
        code, out, _ = call("config", "show", "config.yaml", "seed=7", *option)
        assert code == 0
        (place / "shown.yaml").write_text(out)  # JSON is YAML
        assert read_config("shown.yaml") == read_config("config.yaml", ["seed=7"])
        assert "early_stopping" in out, "a default that config.yaml does not name"
    shown = json.loads(out)
    assert (shown["seed"], shown["data"]["target"]) == (7, ["sales"])


def test_schema_is_the_json_schema(call):
    code, out, _ = call("config", "schema")
    assert (code, json.loads(out)) == (0, json_schema())


def test_the_published_schema_is_the_one_that_is_printed():
    published = Path(__file__).parents[2] / "configs/schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == json_schema()


def test_a_configuration_may_name_its_schema_for_editors(place, call):
    text = (place / "config.yaml").read_text()
    (place / "config.yaml").write_text(f"$schema: ../schema.json\n{text}")
    code, out, _ = call("config", "show", "config.yaml")
    assert code == 0
    assert "$schema" not in out
    (place / "config.yaml").write_text(f"$schema: 7\n{text}")
    assert call("config", "show", "config.yaml")[0] == 2
