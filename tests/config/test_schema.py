"""Random configurations, drawn from the schema: read, written, read back; and typos in them."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from forecast.config import count_rules
from forecast.config.json_schema import json_schema
from forecast.config.options import Section
from forecast.config.training import TrainingConfig
from forecast.config.tree import Config, config_from, write_config
from forecast.config.yaml import read_yaml
from forecast.errors import ConfigError
from tests.config.helpers import DATA, SCHEMA, accepted, plain, refused, renamed, sections
from tests.helpers import refusal

WORDS = ["1e-3", "null", "true", "yes", "2020-01-01", "-", "#", "'", "%", "~", "é", "a.b", "007"]
names = st.text(min_size=1, max_size=10) | st.sampled_from([*WORDS, "a: b", "- x"])
counts = st.integers(1, 2**31 - 1)
sizes = st.integers(0, 2**31 - 1) | st.floats(0, 0.99) | st.sampled_from(["2020-01-01", "2020Q3"])
paths = names.filter(lambda name: "\0" not in name)
BEYOND_THE_SCHEMA = {
    "path": paths,
    "terms": st.none() | paths,
    "start_from": st.none() | paths,
    "country": st.sampled_from(["DE", "NO", "US"]),
    "timezone": st.sampled_from([None, "Europe/Berlin", "UTC", "+05:30"]),
    "time_format": st.sampled_from([None, "%d/%m/%Y", "%Y"]),
    "separator": st.sampled_from(";|\t ,"),
    "decimal": st.sampled_from(",."),
    "thousands": st.sampled_from(["auto", "none", "_"]),
    "frequency": st.sampled_from(["auto", "h", "W-SUN"]),
    "calendar": st.lists(st.sampled_from(["hour", "week", "month"]), unique=True),
    "difference": st.integers(1, 1_000_000)
    | st.sampled_from([None, "auto", {"order": 10, "lag": 3}]),
    "validation": sizes,
    "test": sizes,
    "hidden_size": counts | st.just("auto"),
    "head": st.sampled_from(["direct", "parallel"]),
    "momentum": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "quantile": st.sampled_from([None, [0.5], {"levels": [0.1, 0.5, 0.9]}]),
    "first": st.floats(1e-9, 1e-3),
    "levels": st.sampled_from([[], [80], [50, 99.9]]),
    "lags": st.sampled_from([[], [7], [24, 168]]),
    "ensemble": st.integers(1, 1000)
    | st.sampled_from([[{}], [{"window.lookback": 7}, {"training.l1": 0.1, "window.lags": [3]}]]),
    "partners": st.lists(st.sampled_from(["theta", "ets", "pretrained", "ridge"]), unique=True),
    "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:3", "mps"]),
    "tune": st.sampled_from(
        [
            {},
            {"training.l1": {"low": 0, "high": 0.5, "step": 0.1}},
            {"training.learning_rate": {"low": 1e-4, "high": 0.1, "log": True}},
            {"training.batch_size": [8, 16], "training.loss": ["mse", {"huber": {"delta": 2}}]},
        ]
    ),
    "units": st.sampled_from([{}, {"price": "$", "share of all": "%"}]),
}
"""Values for the keys that obey more than the schema says."""
MUST_FIT_OTHERS = {
    *("time", "time_parts", "id", "target", "past", "future", "static", "last", "step_weights"),
    *("segment", "dilations", "proj_size", "bidirectional", "forget_bias"),
}


def allowed_by(schema):
    """Values that a part of the schema allows."""
    if "$ref" in schema:
        return allowed_by(SCHEMA.schema["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    if members := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([allowed_by(member) for member in members])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    above, below = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    low, high = (schema.get(f"exclusiveM{m}imum", schema.get(f"m{m}imum")) for m in ("in", "ax"))
    return {
        "null": st.none,
        "boolean": st.booleans,
        "string": lambda: names,
        "integer": lambda: st.integers(low + above, high - below),
        "number": lambda: st.floats(
            *(low, high),
            exclude_min=above,
            exclude_max=below,
            allow_nan=False,
            allow_infinity=False,
        ),
        "array": lambda: st.lists(allowed_by(schema["items"]), max_size=3),
        "object": lambda: mappings(schema),
    }[schema["type"]]()


def mappings(schema):
    """A mapping with any of the keys."""
    drawn = {
        key: BEYOND_THE_SCHEMA[key] if key in BEYOND_THE_SCHEMA else allowed_by(value)
        for key, value in schema["properties"].items()
        if key not in MUST_FIT_OTHERS
    }
    required = {key: drawn.pop(key) for key in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=drawn)


@st.composite
def data_sections(draw):
    """Any keys of the data, and columns that have one role each."""
    columns = draw(st.lists(names, min_size=3, max_size=9, unique=True))
    options = st.fixed_dictionaries(
        {"encoding": st.sampled_from(["none", "ordinal", "one_hot"])}
    ) | st.fixed_dictionaries({"encoding": st.just("embedding"), "dimension": counts})
    covariates = [draw(st.just(n) | options.map(lambda o, n=n: {n: o})) for n in columns[3:]]
    first, second = sorted(draw(st.tuples(*[st.integers(0, len(covariates))] * 2)))
    return {
        **draw(allowed_by({"$ref": "#/$defs/DataConfig"})),
        "time": columns[0],
        "time_parts": draw(st.sampled_from([[], ["year of sale", "month of sale"]])),
        "id": draw(st.sampled_from([None, columns[1], [columns[1], "number of the shop"]])),
        "target": columns[2],
        "past": covariates[:first],
        "future": covariates[first:second],
        "static": covariates[second:],
    }


def goes_together(values):
    """Neither do differences and quantiles, nor a pretrained model and options of another one, nor
    cross_entropy and numbers, nor losses of counts and what they do themselves."""
    if values.get("model", {}).get("start") == "pretrained":
        return False
    loss = values.get("training", {}).get("loss", ())
    if any(name in loss for name in ("cross_entropy", *count_rules.NAMES)):
        return False
    has_differences = any("difference" in option for option in values.get("transforms", ()))
    return not (has_differences and "quantile" in loss)


BEYOND_THE_SCHEMA["data"] = data_sections()
configurations = mappings(SCHEMA.schema).filter(goes_together)


@given(configurations)
def test_what_is_written_reads_back_equal(values):
    config = config_from(values)
    text = write_config(config)
    back = accepted(text)
    assert back == config
    assert write_config(back) == text
    assert config_from(json.loads(config.model_dump_json())) == config


@given(configurations)
def test_the_schema_accepts_random_configurations_as_given_and_as_written(values):
    SCHEMA.validate(values)
    SCHEMA.validate(plain(read_yaml(write_config(config_from(values)), "c").value))


@given(configurations, st.data())
def test_a_random_typo_is_refused_by_reader_and_schema(values, choice):
    text = write_config(config_from(values))
    document = read_yaml(text, "c.yaml")
    is_column = {path for path in document.lines if path[:1] == ("data",) and len(path) == 4}
    is_column |= {path for path in document.lines if path[:1] == ("tune",) and len(path) != 1}
    keys = [path for path in document.lines if path and isinstance(path[-1], str)]
    keys = [path for path in keys if path not in is_column]
    path = choice.draw(st.sampled_from(keys))
    wrong = renamed(plain(document.value), path, f"{path[-1]}q")
    assert not SCHEMA.is_valid(wrong)
    assert f"{path[-1]}q" in refusal(config_from, wrong, error=ConfigError)


def test_the_written_file_holds_every_option_in_order():
    values = yaml.safe_load(write_config(accepted(DATA)))
    assert list(values) == list(Config.model_fields)
    assert list(values["training"]) == list(TrainingConfig.model_fields)
    assert values["training"]["optimizer"] == {"adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}
    assert values["transforms"] == [{"standardize": {"scope": "per_series"}}]


def test_the_schema_is_a_valid_schema_and_says_what_each_option_is():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    json.dumps(schema, allow_nan=False)
    described = schema["$defs"]["TrainingConfig"]["properties"]
    assert described["batch_size"]["description"] == "Windows in a mini-batch."
    assert described["batch_size"]["default"] == 32


@pytest.mark.parametrize(
    "loss",
    ["mae", "{mae: }", "{mae: {}}", "huber", "{huber: }", "{huber: 2}", "{huber: {delta: 2}}"],
)
def test_the_schema_accepts_every_way_to_write_a_choice(loss):
    text = f"{DATA}training: {{loss: {loss}}}"
    accepted(text)
    SCHEMA.validate(plain(read_yaml(text, "c").value))


@pytest.mark.parametrize(
    "text",
    [
        "modl: {}",
        "training: {loss: hubr}",
        "training: {loss: {huber: {delt: 1}}}",
        "training: {loss: {huber: {}, mae: {}}}",
        "training: {loss: {huber: {name: huber}}}",
        "training: {loss: {huber: 0}}",
        "training: {loss: {mae: 3}}",
        "training: {loss: {}}",
        "training: {loss: 3}",
        "transforms: [difrence]",
        "transforms: log",
        "window: {horizon: 0}",
        "window: {horizon: 2147483648}",
        "model: {cell: lsmt}",
        "model: {dropout: 1}",
        "training: {early_stopping: 3}",
        "data: {path: a, past: [{shop: {encodin: ordinal}}]}",
        "data: {path: a, past: [{shop: {encoding: oneshot}}]}",
        "data: {path: a, past: [{a: {}, b: {}}]}",
        "data: {path: a, past: [3]}",
        "data: {path: ''}",
        "data: {}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text):
    text = text if text.startswith("data") else DATA + text
    refused(text)
    assert not SCHEMA.is_valid(plain(read_yaml(text, "c").value))


def test_sections_are_all_strict():
    assert len(sections(Config)) > 30
    for section in sections(Config):
        assert issubclass(section, Section)
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"]
        assert section.model_config["frozen"]
        assert not section.model_config["allow_inf_nan"]
