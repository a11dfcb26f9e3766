"""The configuration tree: what it takes, from text, files, overrides and mappings."""

import copy
from pathlib import Path

import pytest
from pydantic import ValidationError

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.config.losses import Huber
from forecast.config.model import ModelConfig
from forecast.config.schedules import StepDecay
from forecast.config.training import TrainingConfig
from forecast.config.transforms import Difference, Log, Standardize
from forecast.config.tree import Config, build_config, config_from, read_config
from forecast.config.windows import SplitConfig
from forecast.config.yaml import MAX_BYTES, read_yaml
from forecast.data.assemble import read_panel
from forecast.errors import ConfigError
from tests.config.helpers import DATA, accepted, refused
from tests.helpers import refusal


def test_the_path_is_all_that_must_be_given():
    assert accepted(DATA) == Config(data=DataConfig(path="a.csv"))


def test_a_full_configuration():
    config = accepted("""
data:
  path: data/shops.csv
  time: day
  target: [sales, returns]
  frequency: D
  timezone: Europe/Berlin
  past: [price, {shop: {encoding: embedding, dimension: 3}}]
  static: [{region: {encoding: one_hot}}]
  calendar: [dayofweek, month]
transforms: [log, {difference: 7}, {difference: {lag: 1, order: 2}}, {standardize: }]
split: {validation: 0.1, test: 2020-01-01}
window: {lookback: 28, horizon: 3}
model: {hidden_size: [64, 32], num_layers: 2, segment: 7}
training:
  loss: {huber: 0.5}
  optimizer: {sgd: {nesterov: true}}
  schedule: {step: {every: 5}}
  learning_rate: 1e-3
  step_weights: [1, 0.5, 0]
  early_stopping: null
device: cuda:1
seed: 7
""")
    assert config.data.target == ("sales", "returns")
    assert config.data.past == (
        Covariate(name="price"),
        Covariate(name="shop", encoding="embedding", dimension=3),
    )
    assert config.data.static == (Covariate(name="region", encoding="one_hot"),)
    differences = Difference(lag=7), Difference(lag=1, order=2)
    assert config.transforms == (Log(), *differences, Standardize())
    assert config.split == SplitConfig(validation=0.1, test="2020-01-01")
    assert config.model.hidden_size == (64, 32)
    assert config.training.loss == Huber(delta=0.5)
    assert config.training.schedule == StepDecay(every=5, gamma=0.1)
    assert config.training.learning_rate == 0.001
    assert config.training.step_weights == (1.0, 0.5, 0.0)
    assert config.training.early_stopping is None
    assert (config.device, config.seed) == ("cuda:1", 7)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("1e-3", 0.001),
        ("1E-3", 0.001),
        ("1.e-3", 0.001),
        ("+1e-03", 0.001),
        (".001", 0.001),
        ("1", 1.0),
        ("auto", "auto"),
    ],
)
def test_a_learning_rate_needs_no_quotes_and_no_dot(line, value):
    written = accepted(f"{DATA}training: {{learning_rate: {line}}}").training.learning_rate
    assert (type(written), written) == (type(value), value)


@pytest.mark.parametrize(
    "line",
    [
        "split: {test: 0, validation: 0}",
        "split: {test: 0.0}",
        "split: {test: 24, validation: 0.99}",
        "split: {test: 2020-01}",
        "split: {test: '1985'}",
        "split: {test: 2020Q1}",
        "split: {test: 2020-Q4}",
        "split: {test: 2020-02-29 23:30}",
        "split: {test: '2020-02-29T23:30:15.5+02:00'}",
        "model: {hidden_size: 64, proj_size: 63}",
        "model: {hidden_size: auto, proj_size: 500}",
        "model: {dropout: 0}",
        "model: {segment: 24}",
        "window: {stride: 1000}",
        "window: {lookback: 7, least_history: 8}",
        "window: {least_history: null}",
        "training: {l1: 0, l2: 0, tolerance: 0, warmup: 0}",
        "training: {loss: {quantile: [0.5]}}",
        "training: {loss: {quantile: [0.1, 0.5, 0.8]}}",
        "training: {loss: {quantile: [0.5]}}\nmodel: {head: recursive}",
        "training: {loss: {quantile: [0.5]}}\ntransforms: [difference]",
        "training: {loss: {quantile: [0.1, 0.5, 0.9]}}\nmodel: {head: parallel}",
        "training: {optimizer: {sgd: {momentum: 0}}}",
        "training: {optimizer: {adam: {beta1: 0}}}",
        "training: {schedule: {step: {gamma: 1}}}",
        "intervals: {levels: []}",
        "intervals: {levels: [1, 50, 99.9], origins: 10, rate: 0}",
        "transforms: []",
        "transforms: [{difference: auto}]",
        "device: cpu",
        "device: mps",
        "device: cuda",
        "device: cuda:15",
        "seed: 9223372036854775807",
    ],
)
def test_what_stands_at_the_edge_is_allowed(line):
    accepted(f"{DATA}{line}\n")


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC+05:30", "-03:00"]
)
def test_time_zones_that_exist(zone):
    assert accepted(f"data: {{path: a, timezone: {zone}}}").data.timezone == zone


def test_the_id_may_also_be_a_static_covariate():
    data = accepted("data: {path: a, id: shop, static: [{shop: {encoding: embedding}}]}").data
    assert data.static == (Covariate(name="shop", encoding="embedding"),)


def test_a_decimal_comma_in_quoted_cells_goes_with_commas_between_cells(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('ds,y\n2020-01-01,"1,5"\n2020-01-02,"2,25"\n2020-01-03,"3,0"\n')
    panel = read_panel(accepted(f"data: {{path: {table}, decimal: ','}}").data)
    assert panel.values.tolist() == [[1.5], [2.25], [3.0]]


# What is refused; the words are in tests/refusals.yaml


def test_long_and_strange_words_are_cut_to_one_line():
    assert len(refused(f"{DATA}{'k' * 10_000}: 1\n")) < 250
    assert len(refused(f"{DATA}device: {'v' * 10_000}\n")) < 250
    assert len(refused(f"{DATA}training: {{loss: {'v' * 10_000}}}\n")) < 250
    assert len(refused(f"{DATA}window: {{horizon: [{'1, ' * 10_000}]}}\n")) < 250
    assert len(refused(DATA, f"seed={'v' * 10_000}")) < 250
    assert refused(f'{DATA}"a\\nb": 1\n').startswith("c.yaml:2: 'a\\nb': unknown key;")
    assert refused(f"{DATA}seed: {'9' * 5000}\n").startswith("c.yaml:2: seed: inf is not allowed")
    assert "'x\\ny'" in refused(f'{DATA}device: "x\\ny"\n')


# Files


def test_a_file_is_read_with_its_name_in_messages(tmp_path):
    path = tmp_path / "a b.yaml"
    path.write_text(f"{DATA}seed: x\n")
    message = refusal(read_config, str(path), error=ConfigError)
    assert message == f"{path}:2: seed: 'x' is not allowed: must be a whole number"
    path.write_text(f"{DATA}seed: 5\n")
    assert read_config(path).seed == 5
    assert read_config(str(path), ["seed=6"]).seed == 6
    assert read_config(str(path), "seed=6").seed == 6


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DATA.encode())
    assert read_config(path).data.path == str(tmp_path / "a.csv")


def test_carriage_returns_are_line_ends(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"data:\r\n  path: a.csv\r\nseed: 3\r\n")
    assert read_config(path).seed == 3


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"", ": holds no keys; begin with `data: {path: ...}`"),
        (b"\xef\xbb\xbf", ": holds no keys; begin with `data: {path: ...}`"),
        (DATA.encode("utf-16"), ":1: not UTF-8 text; save the file as UTF-8"),
        (b"data:\n  path: caf\xe9.csv\n", ":2: not UTF-8 text; save the file as UTF-8"),
        (b"PK\x03\x04", ":1: not valid YAML: '\\x03' is no text; take it out"),
        (
            DATA.encode() + b"#" * MAX_BYTES,
            ": larger than 262144 bytes; give the path of a YAML configuration",
        ),
    ],
)
def test_files_that_are_no_configuration(tmp_path, content, end):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    assert refusal(read_config, path, error=ConfigError) == f"{path}{end}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, reason):
    path = tmp_path / name
    message = refusal(read_config, path, error=ConfigError)
    assert message == f"{path}: {reason}; give the path of a YAML configuration"


def test_a_run_folder_is_told_where_its_configuration_is(tmp_path):
    own = tmp_path / "config.yaml"
    own.touch()
    message = refusal(read_config, tmp_path, error=ConfigError)
    assert message == f"{tmp_path}: Is a directory; give {own}"


# Overrides


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.epochs=5", "training.epochs", 5),
        ("training.learning_rate=1e-3", "training.learning_rate", 0.001),
        (" training.epochs = 5 ", "training.epochs", 5),
        ("data.path=x y.csv", "data.path", "x y.csv"),
        ("data.path=x=y.csv", "data.path", "x=y.csv"),
        ("data.path='007'", "data.path", "007"),
        ('data.path="a: b"', "data.path", "a: b"),
        ("data.path=a#b: c.csv", "data.path", "a#b: c.csv"),
        ("data.time_format=%d/%m/%Y", "data.time_format", "%d/%m/%Y"),
        ("data.separator=;", "data.separator", ";"),
        ("data.separator=|", "data.separator", "|"),
        ('data.separator="\\t"', "data.separator", "\t"),
        ("data.decimal=,", "data.decimal", ","),
        ("data.target=[a, b]", "data.target", ("a", "b")),
        ("data.target=a", "data.target", ("a",)),
        ("data.id=null", "data.id", None),
        ("data.sort=true", "data.sort", True),
        ("transforms=[]", "transforms", ()),
        ("transforms=[log, {difference: 12}]", "transforms", (Log(), Difference(lag=12))),
        ("training.loss=huber", "training.loss", Huber()),
        ("training.loss={huber: 0.5}", "training.loss", Huber(delta=0.5)),
        ("training.loss.huber.delta=0.5", "training.loss", Huber(delta=0.5)),
        ("training.loss.huber=0.5", "training.loss", Huber(delta=0.5)),
        ("training.early_stopping=null", "training.early_stopping", None),
        ("model.init.scheme=he", "model.init.scheme", "he"),
        ("split.test=2020-01-01", "split.test", "2020-01-01"),
    ],
)
def test_an_override_writes_one_key(override, path, value):
    config = accepted(DATA, override)
    found = config
    for part in path.split("."):
        found = getattr(found, part)
    assert (type(found), found) == (type(value), value)
    section, *_ = path.split(".")
    default = accepted(DATA)
    others = set(Config.model_fields) - {section}
    assert all(getattr(config, name) == getattr(default, name) for name in others)


@pytest.mark.parametrize(
    ("written", "override", "loss"),
    [
        ("mae", "training.loss.huber.delta=0.5", Huber(delta=0.5)),
        ("huber", "training.loss.huber.delta=0.5", Huber(delta=0.5)),
        ("{huber: 3}", "training.loss.huber.delta=0.5", Huber(delta=0.5)),
        ("{quantile: [0.5]}", "training.loss.huber.delta=0.5", Huber(delta=0.5)),
        ("{quantile: [0.5]}", "training.loss=huber", Huber()),
    ],
)
def test_an_override_of_an_option_takes_the_place_of_another(written, override, loss):
    text = f"{DATA}training: {{loss: {written}, epochs: 3}}"
    training = accepted(text, override).training
    assert training.loss == loss
    assert training.epochs == 3


def test_an_override_keeps_the_other_options_however_they_are_written():
    for written in ("{step: 10}", "{step: {every: 10}}"):
        config = accepted(
            f"{DATA}training: {{schedule: {written}}}", "training.schedule.step.gamma=0.5"
        )
        assert config.training.schedule == StepDecay(every=10, gamma=0.5)


def test_the_last_override_wins():
    assert accepted(DATA, "seed=1", "seed=2").seed == 2
    whole = accepted(DATA, "training.epochs=5", "training={batch_size: 8}").training
    assert (whole.epochs, whole.batch_size) == (100, 8)
    both = accepted(DATA, "training={batch_size: 8}", "training.epochs=5").training
    assert (both.epochs, both.batch_size) == (5, 8)
    back = accepted(f"{DATA}model: {{segment: 5}}", "model.segment=1")
    assert back.model.segment == 1


def test_overrides_leave_the_document_alone():
    document = read_yaml(f"{DATA}training: {{epochs: 3}}", "c.yaml")
    before = copy.deepcopy(document.value)
    build_config(document, "c.yaml", ["training.epochs=5", "training.loss.huber.delta=2", "seed=1"])
    assert document.value == before


def test_a_broken_override_is_named():
    message = refused(DATA, "data.target=[a")
    assert message.startswith("override 'data.target=[a':")
    assert "not valid YAML" in message


def test_the_override_is_blamed_and_not_the_line_that_it_replaced():
    text = f"{DATA}window: {{lookback: 24}}\nmodel: {{segment: 12}}\n"
    assert refused(text, "window.lookback=25").startswith(
        "override 'window.lookback=25': window.lookback: window.lookback 25 is no multiple"
    )
    assert refused(text, "training.batch_size=0", "training={batch_size: -1}").startswith(
        "override 'training={batch_size: -1}': training.batch_size: -1"
    )
    assert refused(f"{DATA}seed: x\n", "training.epochs=5").startswith("c.yaml:2: seed: 'x'")


# Mappings from Python


def test_mappings_may_hold_lists_paths_and_sections():
    config = config_from(
        {
            "data": {"path": Path("a.csv"), "target": ["y", "z"]},
            "transforms": ["log", {"difference": {"lag": 12}}, Standardize()],
            "model": ModelConfig(cell="gru", num_layers=2, hidden_size=(4, 3)),
            "training": {"loss": Huber(delta=2.0)},
        },
        ["model.dropout=0.5", "training.loss.huber.delta=3"],
    )
    assert config.data == DataConfig(path="a.csv", target=("y", "z"))
    assert config.transforms == (Log(), Difference(lag=12), Standardize())
    assert config.model == ModelConfig(cell="gru", num_layers=2, hidden_size=(4, 3), dropout=0.5)
    assert config.training == TrainingConfig(loss=Huber(delta=3.0))


def test_mappings_are_refused_like_files():
    message = refusal(config_from, {"data": {"path": "a"}, "window": {"horizn": 3}})
    assert message == "configuration: window.horizn: unknown key; did you mean 'horizon'?"
    message = refusal(config_from, {"data": {"path": "a"}}, ["seed=x"])
    assert message.startswith("override 'seed=x': seed: 'x'")


def test_sections_built_in_python_are_checked_as_well():
    with pytest.raises(ValidationError, match=r"no multiple of model\.segment"):
        Config(data=DataConfig(path="a"), model=ModelConfig(segment=5))
    with pytest.raises(ValidationError, match="frozen"):
        DataConfig(path="a").path = "b"
