"""What the site is made of: formulas, drawings, references, public names."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from forecast.cli.arguments import COMMANDS
from forecast.config.tree import Config
from scripts.docs import formulas, public
from scripts.docs.commands_page import commands_page
from scripts.docs.gallery import RESULTS, shown_run
from scripts.docs.options_page import options_page
from scripts.docs.pictures import DRAWINGS

DOCS = Path(__file__).parents[2] / "docs"


def bare(source):
    return re.sub(r"</?math[^>]*>", "", formulas.mathml(source))


def test_a_formula_is_mathml():
    assert bare("h_t = 2 x^2") == (
        "<msub><mi>h</mi><mi>t</mi></msub><mo>=</mo><mn>2</mn><msup><mi>x</mi><mn>2</mn></msup>"
    )
    assert bare(r"\frac{1}{\sqrt{n}}") == (
        "<mfrac><mrow><mn>1</mn></mrow><mrow><msqrt><mrow><mi>n</mi></mrow></msqrt></mrow></mfrac>"
    )
    assert bare(r"\text{gate\_a}") == "<mtext>gate_a</mtext>"
    assert bare(r"U_{t-1}^2").startswith(
        "<msubsup><mi>U</mi><mrow><mi>t</mi><mo>\N{MINUS SIGN}</mo>"
    )


def test_a_formula_in_a_table_holds_no_bar():
    assert "|" not in formulas.inline(r"$`\|e\|`$")


@pytest.mark.parametrize("source", [r"\frac{1}{2", r"\unknown", r"\sqrt 2"])
def test_a_formula_that_is_wrong_is_refused(source):
    with pytest.raises(ValueError, match="a formula"):
        formulas.mathml(source)


def test_all_formulas_of_the_pages_are_understood():
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    blocks = re.findall(r"^```formula\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    within = re.findall(r"\$`([^`]+)`\$", text)
    assert len(blocks) > 10
    assert len(within) > 10
    for found in blocks:
        ET.fromstring(f"<p>{formulas.block(found)}</p>".replace("&#8289;", ""))
    for found in within:
        formulas.mathml(found)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_svg_with_a_title(name):
    drawing = ET.fromstring(DRAWINGS[name]())
    title = drawing.find("{http://www.w3.org/2000/svg}title")
    assert drawing.tag.endswith("svg")
    assert title is not None
    assert title.text


def keys_of(section, path=""):
    for name, field in section.model_fields.items():
        yield name
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and hasattr(kind, "model_fields"):
                yield from keys_of(kind)


def test_every_option_stands_in_the_reference():
    page = options_page()
    assert {key for key in keys_of(Config) if f"| `{key}` |" not in page} <= {"name"}
    assert "| `0` | a whole number from 0 |" in page
    assert "before training stops. | `20` | a whole number above 0 |" in page
    assert "### `training.optimizer: adadelta`" in page


def test_every_command_stands_in_the_reference():
    page = commands_page()
    for name in COMMANDS:
        assert f"\n## forecast {name}\n" in page
    assert "| `--horizon N` |" in page


def test_public_names_hold_the_methods_of_what_the_functions_give():
    found = set(public.names())
    assert {"forecast.train", "forecast.TrainedModel.forecast", "forecast.Backtest.plot"} <= found
    assert not any("._" in name for name in found)


def test_the_gallery_shows_what_came_of_a_run():
    assert RESULTS.exists()
    page = shown_run("co2\n")
    assert "gallery/co2.png" in page
    assert "| seasonal naive | 1.299 |" in page
