"""Lines of YAML: what is written reads back."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.yaml import read_yaml
from forecast.init.lines import flow, section_lines

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9)
SCALARS = st.booleans() | st.integers(-999, 999) | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.just("a"), SCALARS)


@given(VALUES)
def test_a_value_in_one_line_reads_back(value):
    assert "\n" not in flow(value)
    assert yaml.safe_load(f"key: {flow(value)}") == {"key": value}


def test_a_section_has_a_line_a_key_where_one_line_is_too_long():
    assert section_lines("model", {"segment": 2}) == ["model: {segment: 2}"]
    names = {f"key_{number}": "x" * 20 for number in range(5)}
    lines = section_lines("model", names)
    assert lines[:2] == ["model:", f"  key_0: {'x' * 20}"]
    assert read_yaml("\n".join(lines), "text").value == {"model": names}


def test_letters_are_written_as_they_are_unless_they_turn_text_around():
    assert flow("Köln 🏪 (€)") == '"Köln 🏪 (€)"'
    assert "\u202e" not in flow("a\u202eb")
