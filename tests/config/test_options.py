"""Sections and choices, on a small tree of their own."""

from typing import Annotated, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from forecast.config.json_schema import Described
from forecast.config.options import (
    LARGEST,
    Choice,
    Count,
    CountOrZero,
    IncompatibleKeysError,
    Option,
    Section,
    options_of,
    sections_at,
)


class Plain(Option):
    """Nothing to choose."""

    name: Literal["plain"] = "plain"


class Spicy(Option):
    """Two things to choose."""

    name: Literal["spicy"] = "spicy"
    heat: Count = 3
    """How hot, from 1."""
    lime: float = 0.5
    """Share of lime."""


Dish = Annotated[Plain | Spicy, Choice()]


class Table(Section):
    """A part of a menu."""

    seats: CountOrZero = 4
    """How many."""
    light: float = 1.0
    """How bright."""


class Menu(Section):
    """A menu."""

    dish: Dish = Plain()
    """What to eat."""
    courses: tuple[Dish, ...] = ()
    """One after the other."""
    table: Table | None = Table()
    """Where to sit."""


dish = TypeAdapter(Dish)


def problems(model, values):
    """Location and type of everything that is wrong."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    return [(details["loc"], details["type"]) for details in caught.value.errors()]


def test_a_section_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Table().seats = 5
    assert Table().model_copy(update={"seats": 5}).seats == 5


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"seat": 1}, (("seat",), "extra_forbidden")),
        ({"seats": "1"}, (("seats",), "int_type")),
        ({"seats": 1.0}, (("seats",), "int_type")),
        ({"seats": True}, (("seats",), "int_type")),
        ({"seats": -1}, (("seats",), "greater_than_equal")),
        ({"seats": LARGEST + 1}, (("seats",), "less_than_equal")),
        ({"light": "1"}, (("light",), "float_type")),
        ({"light": True}, (("light",), "float_type")),
        ({"light": float("nan")}, (("light",), "finite_number")),
        ({"light": float("inf")}, (("light",), "finite_number")),
    ],
)
def test_a_section_takes_nothing_for_something_else(values, problem):
    assert problems(Table, values) == [problem]


def test_counts_begin_at_one_and_end_at_32_bits():
    assert LARGEST == 2_147_483_647
    assert Table(seats=0).seats == 0
    assert Spicy(heat=LARGEST).heat == LARGEST
    assert problems(Spicy, {"heat": 0}) == [(("heat",), "greater_than")]
    assert problems(Spicy, {"heat": LARGEST + 1}) == [(("heat",), "less_than_equal")]


def test_a_whole_number_does_for_a_fraction():
    light = Table(light=2).light
    assert light == 2.0
    assert type(light) is float


def test_an_option_knows_its_name_and_fields():
    assert Spicy.key() == "spicy"
    assert Spicy.fields() == ("heat", "lime")
    assert Plain.fields() == ()
    assert options_of(Dish) == {"plain": Plain, "spicy": Spicy}


@pytest.mark.parametrize(
    ("written", "option"),
    [
        ("plain", Plain()),
        ({"plain": None}, Plain()),
        ({"plain": {}}, Plain()),
        ("spicy", Spicy()),
        ({"spicy": None}, Spicy()),
        ({"spicy": 5}, Spicy(heat=5)),
        ({"spicy": {"lime": 0.1}}, Spicy(lime=0.1)),
        ({"spicy": {"heat": 2, "lime": 0.1}}, Spicy(heat=2, lime=0.1)),
        (Spicy(heat=9), Spicy(heat=9)),
    ],
)
def test_a_choice_is_a_name_or_a_name_with_options(written, option):
    assert dish.validate_python(written) == option


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("mild", "mild"),
        ({"mild": {"heat": 1}}, "mild"),
        ({}, "holds 0 keys; write one name, with its options under it"),
        ({"plain": {}, "spicy": {}}, "holds 2 keys; write one name, with its options under it"),
        ({"name": "spicy", "heat": 3}, "holds 2 keys; write one name"),
        ({"name": "spicy"}, "'name'"),
        ({"spicy": {"name": "plain"}}, "unknown key 'name'; known: heat, lime"),
        ({"plain": {"name": "plain"}}, "unknown key 'name'; there is none to choose from"),
        ({"plain": 3}, "plain takes no options; write plain alone"),
        ({"plain": {"heat": 3}}, "Extra inputs"),
        ({"spicy": {"hot": 3}}, "Extra inputs"),
        ({"spicy": "hot"}, "valid integer"),
        (3, "valid dictionary"),
        (None, "valid dictionary"),
        ((), "valid dictionary"),
    ],
)
def test_a_choice_refuses_all_else(written, part):
    with pytest.raises(ValidationError) as caught:
        dish.validate_python(written)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("option", "written"),
    [(Plain(), "plain"), (Spicy(heat=1), {"spicy": {"heat": 1, "lime": 0.5}})],
)
def test_an_option_is_written_as_it_is_read(option, written):
    assert option.model_dump() == written
    assert option.model_dump(mode="json") == written
    assert dish.validate_python(written) == option


def test_the_schema_tells_what_an_option_is():
    schema = Menu.model_json_schema(schema_generator=Described)
    assert schema["$defs"]["Spicy"]["description"] == "Two things to choose."
    options = schema["$defs"]["Spicy"]["anyOf"][1]["properties"]["spicy"]["anyOf"][0]
    assert options["properties"]["heat"]["description"] == "How hot, from 1."
    assert list(options["properties"]) == ["heat", "lime"]


@pytest.mark.parametrize(
    ("path", "sections"),
    [
        ((), [Menu]),
        (("table",), [Table]),
        (("dish",), [Plain, Spicy]),
        (("dish", "spicy"), [Spicy]),
        (("courses", 1), [Plain, Spicy]),
        (("courses", 0, "plain"), [Plain]),
        (("dish", "mild"), []),
        (("table", "seats"), []),
        (("table", "seats", "more"), []),
        (("nothing",), []),
    ],
)
def test_sections_are_found_by_path(path, sections):
    assert sections_at(Menu, path) == sections


def test_a_misfit_names_its_keys():
    error = IncompatibleKeysError("a and b do not fit", "a", "section.b")
    assert isinstance(error, ValueError)
    assert str(error) == "a and b do not fit"
    assert error.keys == ("a", "section.b")
