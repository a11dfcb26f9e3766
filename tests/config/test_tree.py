"""The configuration tree: what it takes, what it refuses in which words, and what it writes."""

import copy
import json
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from forecast.config.data import (
    Covariate,
    DataConfig,
    Difference,
    Log,
    SplitConfig,
    Standardize,
    TransformOption,
)
from forecast.config.losses import Huber, LossOption
from forecast.config.model import ModelConfig
from forecast.config.optimizers import OptimizerOption
from forecast.config.options import Option, Section, options_of
from forecast.config.schedules import ScheduleOption, StepDecay
from forecast.config.training import TrainingConfig
from forecast.config.tree import (
    Config,
    build_config,
    config_from,
    json_schema,
    read_config,
    write_config,
)
from forecast.config.yaml import MAX_BYTES, read_yaml
from forecast.data.assemble import read_panel
from forecast.errors import ConfigError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "configs" / "reference.yaml"
DATA = "data: {path: a.csv}\n"
PROPERTY = settings(max_examples=40, deadline=None)
SCHEMA = Draft202012Validator(json_schema())


def plain(value):
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def accepted(text, *overrides):
    return build_config(read_yaml(text, "c.yaml"), "c.yaml", overrides)


def refused(text, *overrides):
    """The one line with which a configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        accepted(text, *overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


# The defaults, and the file that lists them


def test_the_path_is_all_that_must_be_given():
    assert accepted(DATA) == Config(data=DataConfig(path="a.csv"))


def test_the_reference_holds_the_defaults():
    expected = Config(data=DataConfig(path="data/air_passengers.csv"))
    assert read_config(REFERENCE) == expected


def sections(annotation):
    """Every section and option that a type mentions, and those within them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(sections(field.annotation) for field in fields))
    return set().union(*(sections(part) for part in typing.get_args(annotation)))


def fields_of(section):
    """Names of the fields that a configuration may write."""
    names = list(section.model_fields)
    return [name for name in names if not issubclass(section, Option) or name != "name"]


EVERY_FIELD = sorted(
    (section.__name__, name, section) for section in sections(Config) for name in fields_of(section)
)


def test_the_tree_is_all_there():
    names = {section.__name__ for section in sections(Config)}
    assert {"Config", "DataConfig", "Covariate", "Huber", "Plateau", "LrRangeConfig"} <= names
    for choice in CHOICES.values():
        assert {option.__name__ for option in options_of(choice).values()} <= names
    assert len(EVERY_FIELD) > 100


@pytest.mark.parametrize(
    ("section", "name"),
    [(s, n) for _, n, s in EVERY_FIELD],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_every_option_says_in_one_line_what_it_is(section, name):
    description = section.model_fields[name].description
    assert description, f"{section.__name__}.{name} has no docstring"
    assert "\n" not in description
    assert 5 <= len(description) <= 100
    assert description.endswith((".", "..."))


LINES = REFERENCE.read_text(encoding="utf-8").splitlines()
REFERENCE_DOCUMENT = read_yaml("\n".join(LINES), str(REFERENCE))


def written_paths(section=Config, above=()):
    """Paths of all fields of the sections that a configuration has by default."""
    for name in section.model_fields:
        yield (*above, name)
        inner = sections(section.model_fields[name].annotation)
        plain_ones = [s for s in inner if not issubclass(s, Option | Covariate)]
        for direct in outermost(plain_ones):
            yield from written_paths(direct, (*above, name))


def outermost(candidates):
    """The sections that no other of them contains."""
    return [s for s in candidates if not any(s in sections(o) for o in candidates if o is not s)]


@pytest.mark.parametrize("path", list(written_paths()), ids=".".join)
def test_the_reference_has_every_option_with_a_comment(path):
    number = REFERENCE_DOCUMENT.lines[path]
    line, before = LINES[number - 1], LINES[number - 2]
    assert re.match(rf"\s*{path[-1]}:", line)
    assert re.search(r"  # \w.*\w", line) or re.match(r"\s*# .*\w", before)


CHOICES = {
    "transforms": TransformOption,
    "loss": LossOption,
    "optimizer": OptimizerOption,
    "schedule": ScheduleOption,
}


def alternatives(key):
    """(value, comment) of each line for a choice in the reference, those commented out included."""
    start = next(i for i, line in enumerate(LINES) if re.match(rf"\s*{key}:", line))
    end = len(LINES) if key != "transforms" else LINES.index("", start)
    item = r"- " if key == "transforms" else rf"{key}: "
    for line in LINES[start:end]:
        match = re.fullmatch(rf"\s*(?:# )?{item}(\S.*?)  +# (\w.*)", line)
        if match:
            yield read_yaml(match[1], "reference").value, match[2]


@pytest.mark.parametrize("key", CHOICES)
def test_the_reference_names_every_alternative_with_its_options(key):
    table = options_of(CHOICES[key])
    found = [value for value, _ in alternatives(key)]
    names = [value if isinstance(value, str) else next(iter(value)) for value in found]
    assert sorted(names) == sorted(table)
    for name, value in zip(names, found, strict=True):
        written = () if isinstance(value, str) else tuple(value[name])
        assert written == table[name].fields()
        assert TypeAdapter(CHOICES[key]).validate_python(value) == table[name]()


def test_the_reference_shows_a_covariate_with_all_its_options():
    (line,) = [line for line in LINES if line.strip().startswith("# past:")]
    values = read_yaml(line.strip()[2:], "reference").value
    price, shop = TypeAdapter(DataConfig).validate_python({"path": "x", **values}).past
    assert (price.encoding, shop.encoding) == ("standardize", "embedding")
    assert {"name", *values["past"][1]["shop"]} == set(Covariate.model_fields)


def words_of(annotation):
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [word for part in typing.get_args(annotation) for word in words_of(part)]


@pytest.mark.parametrize(
    ("section", "name"),
    [(s, n) for _, n, s in EVERY_FIELD if words_of(s.model_fields[n].annotation)],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_the_reference_names_every_word_that_is_allowed(section, name):
    wanted = set(words_of(section.model_fields[name].annotation))
    near = [i for i, line in enumerate(LINES) if re.search(rf"\b{name}\b", line)]
    told = {
        word for i in near for word in re.findall(r"\w+", " ".join(LINES[max(0, i - 4) : i + 3]))
    }
    assert wanted <= told


# What may be written


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
    assert config.transforms == (
        Log(),
        Difference(lag=7),
        Difference(lag=1, order=2),
        Standardize(),
    )
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
        "training: {l1: 0, l2: 0, tolerance: 0, warmup: 0}",
        "training: {loss: {quantile: [0.5]}}",
        "training: {loss: {quantile: [0.1, 0.5, 0.8]}}",
        "training: {loss: {quantile: [0.5]}}\nmodel: {head: recursive}",
        "training: {loss: {quantile: [0.5]}}\ntransforms: [difference]",
        "training: {loss: {quantile: [0.1, 0.5, 0.9]}}\nmodel: {head: parallel}",
        "training: {optimizer: {sgd: {momentum: 0}}}",
        "training: {optimizer: {adam: {beta1: 0}}}",
        "training: {schedule: {step: {gamma: 1}}}",
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


def test_a_time_zone_must_be_a_file_of_zones():
    assert "is no time zone" in refused("data: {path: a, timezone: Europe}")


def test_each_line_is_that_of_its_own_key():
    text = """
data:
  path: a.csv
  past:
    - price
    - shop:
        encoding: one_hot
        dimenson: 3
training:

  loss:
    huber:
      # how wide
      delta: wide
"""
    assert refused(text).startswith("c.yaml:8: data.past.1.shop.dimenson: unknown key;")
    text = text.replace("dimenson: 3", "")
    assert refused(text) == (
        "c.yaml:14: training.loss.huber.delta: 'wide' is not allowed: must be a number"
    )


def test_long_and_strange_words_are_cut_to_one_line():
    assert len(refused(f"{DATA}{'k' * 10_000}: 1\n")) < 250
    assert len(refused(f"{DATA}device: {'v' * 10_000}\n")) < 250
    assert len(refused(f"{DATA}training: {{loss: {'v' * 10_000}}}\n")) < 250
    assert len(refused(f"{DATA}window: {{horizon: [{'1, ' * 10_000}]}}\n")) < 250
    assert len(refused(DATA, f"seed={'v' * 10_000}")) < 250
    assert refused(f'{DATA}"a\\nb": 1\n').startswith("c.yaml:2: 'a\\nb': unknown key;")
    assert refused(f"{DATA}seed: {'9' * 5000}\n").startswith("c.yaml:2: seed: inf is not allowed")
    assert "'x\\ny'" in refused(f'{DATA}device: "x\\ny"\n')


REFERENCE_KEYS = [path for path in REFERENCE_DOCUMENT.lines if path and isinstance(path[-1], str)]


def rename(values, path, new):
    """A copy of nested mappings with one key renamed in its place."""
    first, *rest = path
    if not isinstance(values, dict):
        return [rename(v, rest, new) if i == first else v for i, v in enumerate(values)]
    return {
        (new if key == first and not rest else key): (
            rename(value, rest, new) if key == first and rest else value
        )
        for key, value in values.items()
    }


@pytest.mark.parametrize(
    "path", REFERENCE_KEYS, ids=lambda path: ".".join(str(part) for part in path)
)
def test_every_misspelt_key_of_the_reference_is_named_and_refused_by_the_schema(path):
    """An option's name is a key as well; its misspelling is guessed at as a name."""
    key, number = path[-1], REFERENCE_DOCUMENT.lines[path]
    wrong = f"{key}{key[-1]}x"
    lines = list(LINES)
    lines[number - 1] = re.sub(rf"\b{key}:", f"{wrong}:", lines[number - 1], count=1)
    message = refused("\n".join(lines))
    above = ".".join(str(part) for part in path[:-1])
    is_option = key in ("standardize", "adam")
    said = f"{above}: unknown name '{wrong}'" if is_option else f"{wrong}: unknown key"
    assert message.startswith(f"c.yaml:{number}: ")
    assert said in message
    assert f"did you mean '{key}'?" in message or "known: " in message
    assert len(key) < 5 or f"did you mean '{key}'?" in message
    assert not SCHEMA.is_valid(rename(plain(REFERENCE_DOCUMENT.value), path, wrong))


# Files


def test_a_file_is_read_with_its_name_in_messages(tmp_path):
    path = tmp_path / "a b.yaml"
    path.write_text(f"{DATA}seed: x\n")
    with pytest.raises(ConfigError) as caught:
        read_config(str(path))
    assert str(caught.value) == f"{path}:2: seed: 'x' is not allowed: must be a whole number"
    path.write_text(f"{DATA}seed: 5\n")
    assert read_config(path).seed == 5
    assert read_config(str(path), ["seed=6"]).seed == 6


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DATA.encode())
    assert read_config(path).data.path == "a.csv"


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
        (b"data: {path: a}\ndata: {path: b}\n", ":2: key 'data' appears twice; keep one"),
        (b"data: &a {path: a}\nmodel: *a\n", ":1: anchors and aliases are not allowed;"),
        (b"data: !!map {path: a}\n", ":1: tags are not allowed; write a plain value"),
        (b"data: {path: a}\nx: " + b"[" * 30 + b"]" * 30, ":2: nested deeper than 20 levels"),
        (b"data: {path: a\n", ":2: not valid YAML: "),
    ],
)
def test_files_that_are_no_configuration(tmp_path, content, end):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}{end}")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    for path, reason in [
        (tmp_path / "none.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (tmp_path / ("n" * 300), "File name too long"),
    ]:
        with pytest.raises(ConfigError) as caught:
            read_config(path)
        assert str(caught.value) == f"{path}: {reason}; give the path of a YAML configuration"


LARGE = {
    "targets": "data: {path: a, target: [" + "a," * 130_000 + "]}",
    "wrong targets": "data: {path: a, target: [" + "1," * 130_000 + "]}",
    "columns": "data: {path: a, past: [" + ",".join(f"c{n}" for n in range(35_000)) + "]}",
    "transforms": f"{DATA}transforms: [" + "log," * 60_000 + "]",
    "wrong names": f"{DATA}transforms: [" + "lg," * 80_000 + "]",
    "unknown keys": DATA + "".join(f"k{n}: 1\n" for n in range(24_000)),
    "unknown options": "data: {path: a, past: [{c: {"
    + ",".join(f"k{n}: 1" for n in range(20_000))
    + "}}]}",
    "weights": f"{DATA}training: {{step_weights: [" + "x," * 120_000 + "]}",
    "sizes": f"{DATA}model: {{hidden_size: [" + "x," * 120_000 + "]}",
    "long word": f"{DATA}training: {{loss: {'v' * 250_000}}}",
    "long key": f"{DATA}{{'{'k' * 250_000}': 1}}"[: MAX_BYTES - 1],
    "long zone": f"data: {{path: a, timezone: {'v' * 250_000}}}",
    "long date": f"{DATA}split: {{test: '{'1' * 250_000}'}}",
}

READ_ALL = """
import json, sys, time
from forecast.config.tree import read_config
results = []
for path in json.load(sys.stdin):
    began = time.process_time()
    try:
        read_config(path)
        outcome = None
    except ValueError as error:
        outcome = str(error)
    results.append((time.process_time() - began, outcome))
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Seconds and message of each large file, read as users read it: without checks of types."""
    folder = tmp_path_factory.mktemp("large")
    paths = []
    for number, text in enumerate(LARGE.values()):
        assert len(text) <= MAX_BYTES
        paths.append(str(folder / f"{number}.yaml"))
        Path(paths[-1]).write_text(text)
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(LARGE, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("name", LARGE)
def test_any_file_takes_less_than_a_second(measured, name):
    seconds, message = measured[name]
    assert seconds < 1
    assert message is None or ("\n" not in message and len(message) < 400)


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
    with pytest.raises(ConfigError, match=r"^configuration: window\.horizn: unknown key; did you"):
        config_from({"data": {"path": "a"}, "window": {"horizn": 3}})
    with pytest.raises(ConfigError, match=r"^override 'seed=x': seed: 'x'"):
        config_from({"data": {"path": "a"}}, ["seed=x"])


def test_sections_built_in_python_are_checked_as_well():
    with pytest.raises(ValidationError, match=r"no multiple of model\.segment"):
        Config(data=DataConfig(path="a"), model=ModelConfig(segment=5))
    with pytest.raises(ValidationError, match="frozen"):
        DataConfig(path="a").path = "b"


# Writing, reading back, and the schema

names = st.text(min_size=1, max_size=10) | st.sampled_from(
    [
        "1e-3",
        "null",
        "true",
        "yes",
        "2020-01-01",
        "a: b",
        "- x",
        "#",
        "'",
        "%",
        "~",
        "é",
        "a.b",
        "007",
    ]
)
counts = st.integers(1, 2**31 - 1)
rates = st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1, exclude_max=True)
inner_shares = st.floats(0, 1, exclude_min=True, exclude_max=True)


def some(**fields):
    """A mapping with any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def one_of(**options):
    """A choice: a name alone, with some of its options, or with a lone value."""
    written = []
    for name, fields in options.items():
        written += [st.just(name), some(**fields).map(lambda given, name=name: {name: given})]
    return st.one_of(written)


covariate_options = some(encoding=st.sampled_from(["none", "ordinal", "one_hot"])) | some(
    dimension=counts
).map(lambda given: {**given, "encoding": "embedding"})


@st.composite
def data_sections(draw):
    columns = draw(st.lists(names, min_size=3, max_size=9, unique=True))
    covariates = [
        draw(st.just(name) | covariate_options.map(lambda o, name=name: {name: o}))
        for name in columns[3:]
    ]
    cuts = sorted(draw(st.tuples(*[st.integers(0, len(covariates))] * 2)))
    more = draw(
        some(
            timezone=st.sampled_from(["Europe/Berlin", "UTC", "+05:30"]),
            time_format=st.sampled_from(["%d/%m/%Y", "%Y"]),
            separator=st.sampled_from(";|\t ,"),
            decimal=st.sampled_from(",."),
            sort=st.booleans(),
            missing=st.sampled_from(["error", "interpolate", "forward_fill", "mask"]),
            season=counts | st.just("auto"),
            calendar=st.lists(st.sampled_from(["hour", "week", "month"]), unique=True),
        )
    )
    return {
        "path": draw(names),
        "time": columns[0],
        "id": draw(st.none() | st.just(columns[1])),
        "target": columns[2],
        "past": covariates[: cuts[0]],
        "future": covariates[cuts[0] : cuts[1]],
        "static": covariates[cuts[1] :],
        **more,
    }


scopes = st.sampled_from(["per_series", "global"])
transforms = st.lists(
    one_of(
        log={},
        log1p={},
        power={"method": st.sampled_from(["box_cox", "yeo_johnson"]), "scope": scopes},
        difference={"lag": counts, "order": st.integers(1, 10)},
        standardize={"scope": scopes},
        min_max={"scope": scopes},
        robust={"scope": scopes},
    )
    | counts.map(lambda lag: {"difference": lag})
    | st.just({"difference": "auto"}),
    max_size=4,
)
losses = one_of(
    mse={}, mae={}, log_cosh={}, huber={"delta": rates}, quantile={"levels": st.just([0.1, 0.5])}
)
optimizers = one_of(
    gd={},
    sgd={"momentum": inner_shares, "nesterov": st.booleans()},
    adagrad={"lr_decay": rates, "eps": rates},
    adadelta={"rho": shares},
    rmsprop={"alpha": shares, "momentum": shares},
    adam={"beta1": shares, "beta2": shares, "eps": rates},
    adamw={"weight_decay": rates},
)
schedules = one_of(
    constant={},
    step={"every": counts, "gamma": inner_shares},
    exponential={"gamma": inner_shares},
    cosine={"final": shares},
    one_cycle={"rise": inner_shares, "divide": st.floats(1.5, 1e6)},
    plateau={"factor": inner_shares, "patience": counts},
)
sizes = st.integers(0, 2**31 - 1) | shares | st.sampled_from(["2020-01-01", "1990", "2020Q3"])
configurations = st.fixed_dictionaries(
    {"data": data_sections()},
    optional={
        "transforms": transforms,
        "split": some(validation=sizes, test=sizes),
        "window": some(horizon=counts, stride=counts, lookback=counts),
        "model": some(
            cell=st.sampled_from(["lstm", "gru", "rnn"]),
            num_layers=st.integers(1, 100),
            hidden_size=counts | st.just("auto"),
            dropout=shares,
            residual=st.booleans(),
            window_norm=st.sampled_from(["none", "segment_mean"]),
            linear_skip=st.sampled_from(["none", "full", "segment"]),
            embedding_size=st.none() | counts,
            head=st.sampled_from(["direct", "parallel"]),
            init=some(scheme=st.sampled_from(["he", "orthogonal"]), bias=st.none() | rates),
        ),
        "training": some(
            loss=losses,
            optimizer=optimizers,
            schedule=schedules,
            learning_rate=rates | st.just("auto"),
            max_steps=st.none() | counts,
            series_weights=st.sampled_from(["equal", "mase", "mixed"]),
            sampling=st.sampled_from(["all", "uniform"]),
            epoch_windows=st.none() | counts,
            early_stopping=st.none() | some(patience=counts, min_delta=rates, smoothing=shares),
            averaging=one_of(none={}, ema={"decay": inner_shares}, swa={"start": shares}),
            precision=st.sampled_from(["float32", "bf16"]),
            l1=rates,
            lr_range=some(first=st.floats(1e-9, 1e-3), seeds=counts),
        ),
        "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:3", "mps"]),
        "seed": st.integers(0, 2**63 - 1),
    },
).filter(lambda values: not (_asks_quantiles(values) and _asks_differences(values)))


def _asks_quantiles(values):
    return "quantile" in values.get("training", {}).get("loss", ())


def _asks_differences(values):
    return any("difference" in option for option in values.get("transforms", ()))


@PROPERTY
@given(configurations)
def test_what_is_written_reads_back_equal(values):
    config = config_from(values)
    text = write_config(config)
    back = accepted(text)
    assert back == config
    assert write_config(back) == text
    assert config_from(json.loads(config.model_dump_json())) == config


@PROPERTY
@given(configurations)
def test_the_schema_accepts_random_configurations_as_given_and_as_written(values):
    SCHEMA.validate(values)
    SCHEMA.validate(plain(read_yaml(write_config(config_from(values)), "c").value))


@PROPERTY
@given(configurations, st.data())
def test_a_random_typo_is_refused_by_reader_and_schema(values, data):
    text = write_config(config_from(values))
    document = read_yaml(text, "c.yaml")
    keys = [
        path
        for path in document.lines
        if path and isinstance(path[-1], str) and not (path[0] == "data" and len(path) == 4)
    ]
    path = data.draw(st.sampled_from(keys))
    wrong = rename(plain(document.value), path, f"{path[-1]}q")
    assert not SCHEMA.is_valid(wrong)
    with pytest.raises(ConfigError) as caught:
        config_from(wrong)
    assert f"{path[-1]}q" in str(caught.value)


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
    training = schema["$defs"]["TrainingConfig"]["properties"]
    assert training["batch_size"]["description"] == "Windows in a mini-batch."
    assert training["batch_size"]["default"] == 32


CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_bundled_configuration_is_read_and_accepted_by_the_schema(path):
    config = read_config(path)
    assert (ROOT / config.data.path).is_file()
    SCHEMA.validate(plain(read_yaml(path.read_text(encoding="utf-8"), str(path)).value))


@pytest.mark.parametrize(
    "text",
    [
        "modl: {}",
        "training: {loss: hubr}",
        "training: {loss: {huber: {delt: 1}}}",
        "training: {loss: {huber: {}, mae: {}}}",
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
    for section in sections(Config):
        assert issubclass(section, Section)
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"]
        assert section.model_config["frozen"]
        assert not section.model_config["allow_inf_nan"]


def test_a_data_path_is_tried_from_the_working_folder_then_beside_the_configuration(
    tmp_path, monkeypatch
):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "c.yaml").write_text("data: {path: table.csv}\n")
    monkeypatch.chdir(elsewhere)
    assert read_config(home / "c.yaml").data.path == "table.csv"
    (home / "table.csv").write_text("ds,y\n")
    assert read_config(home / "c.yaml").data.path == str(home / "table.csv")
    (elsewhere / "table.csv").write_text("ds,y\n")
    assert read_config(home / "c.yaml").data.path == "table.csv"
