"""configs/reference.yaml: every option with a comment, equal to the defaults; and misspellings."""

import re
import typing
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.config.json_schema import descriptions
from forecast.config.losses import LossOption
from forecast.config.optimizers import OptimizerOption
from forecast.config.options import Option, Section, options_of
from forecast.config.schedules import AveragingOption, ScheduleOption
from forecast.config.transforms import TransformOption
from forecast.config.tree import Config, read_config
from forecast.config.yaml import read_yaml
from tests.config.helpers import SCHEMA, plain, refused, renamed, sections

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "configs" / "reference.yaml"
DEFAULTS = Config(data=DataConfig(path=str(ROOT / "data" / "air_passengers.csv")))
LINES = REFERENCE.read_text(encoding="utf-8").splitlines()
REFERENCE_DOCUMENT = read_yaml("\n".join(LINES), str(REFERENCE))


def test_it_holds_the_defaults():
    assert read_config(REFERENCE) == DEFAULTS


EVERY_FIELD = [
    pytest.param(section, name, id=f"{section.__name__}.{name}")
    for section in sorted(sections(Config), key=lambda section: section.__name__)
    for name in section.model_fields
    if not issubclass(section, Option) or name != "name"
]


def test_the_tree_is_all_there():
    names = {section.__name__ for section in sections(Config)}
    assert {"Config", "DataConfig", "Covariate", "Huber", "Plateau", "LrRangeConfig"} <= names
    for choice in CHOICES.values():
        assert {option.__name__ for option in options_of(choice).values()} <= names
    assert len(EVERY_FIELD) > 100


@pytest.mark.parametrize(("section", "name"), EVERY_FIELD)
def test_every_option_says_in_one_line_what_it_is(section, name):
    description = descriptions(section).get(name)
    assert description, f"{section.__name__}.{name} has no docstring"
    assert "\n" not in description
    assert 5 <= len(description) <= 100
    assert description.endswith((".", "..."))


def written_paths(section, above=()):
    """Paths of all fields of the sections that a configuration has by default."""
    for name in type(section).model_fields:
        yield (*above, name)
        value = getattr(section, name)
        if isinstance(value, Section) and not isinstance(value, Option):
            yield from written_paths(value, (*above, name))


@pytest.mark.parametrize("path", list(written_paths(DEFAULTS)), ids=".".join)
def test_it_has_every_option_with_a_comment(path):
    number = REFERENCE_DOCUMENT.lines[path]
    line, before = LINES[number - 1], LINES[number - 2]
    assert re.match(rf"\s*{path[-1]}:", line)
    assert re.search(r"  # \w.*\w", line) or re.match(r"\s*# .*\w", before)


CHOICES = {
    "transforms": TransformOption,
    "loss": LossOption,
    "optimizer": OptimizerOption,
    "schedule": ScheduleOption,
    "averaging": AveragingOption,
}


def alternatives(key):
    """The value of each line for a choice in the reference, those commented out included."""
    start = next(i for i, line in enumerate(LINES) if re.match(rf"\s*{key}:", line))
    end = len(LINES) if key != "transforms" else LINES.index("", start)
    item = r"- " if key == "transforms" else rf"{key}: "
    for line in LINES[start:end]:
        match = re.fullmatch(rf"\s*(?:# )?{item}(\S.*?)  +# \w.*", line)
        if match:
            yield read_yaml(match[1], "reference").value


@pytest.mark.parametrize("key", CHOICES)
def test_it_names_every_alternative_with_its_options(key):
    table = options_of(CHOICES[key])
    found = list(alternatives(key))
    names = [value if isinstance(value, str) else next(iter(value)) for value in found]
    assert sorted(names) == sorted(table)
    for name, value in zip(names, found, strict=True):
        written = () if isinstance(value, str) else tuple(value[name])
        assert written == table[name].fields()
        assert TypeAdapter(CHOICES[key]).validate_python(value) == table[name]()


def test_it_shows_a_covariate_with_all_its_options():
    (line,) = [line for line in LINES if line.strip().startswith("# past:")]
    values = read_yaml(line.strip()[2:], "reference").value
    price, shop = TypeAdapter(DataConfig).validate_python({"path": "x", **values}).past
    assert (price.encoding, shop.encoding) == ("standardize", "embedding")
    assert {"name", *values["past"][1]["shop"]} == set(Covariate.model_fields)


def annotation_of(section, name):
    return section.model_fields[name].annotation


def words_of(annotation):
    """The words that a type allows."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [word for part in typing.get_args(annotation) for word in words_of(part)]


@pytest.mark.parametrize(
    ("section", "name"), [field for field in EVERY_FIELD if words_of(annotation_of(*field.values))]
)
def test_it_names_every_word_that_is_allowed(section, name):
    wanted = set(words_of(annotation_of(section, name)))
    near = [i for i, line in enumerate(LINES) if re.search(rf"\b{name}\b", line)]
    told = {
        word for i in near for word in re.findall(r"\w+", " ".join(LINES[max(0, i - 4) : i + 3]))
    }
    assert wanted <= told


@pytest.mark.parametrize(
    "path",
    [path for path in REFERENCE_DOCUMENT.lines if path and isinstance(path[-1], str)],
    ids=lambda path: ".".join(map(str, path)),
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
    assert not SCHEMA.is_valid(renamed(plain(REFERENCE_DOCUMENT.value), path, wrong))


CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_bundled_configuration_is_read_and_accepted_by_the_schema(path):
    config = read_config(path)
    assert (ROOT / config.data.path).is_file()
    SCHEMA.validate(plain(read_yaml(path.read_text(encoding="utf-8"), str(path)).value))
