"""The page: what is escaped, what is not, ids that are told apart, and colours with a dark side."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from forecast.drawing import plots
from forecast.drawing.plot_style import ACTUAL, FORECAST, NEUTRAL, OTHERS
from forecast.reporting.page import Chart, Page, PageSection, PageTable, inline, render

VOID = {"meta", "link", "path", "use", "br"}
TEMPLATE = files("forecast.reporting").joinpath("page.html.jinja").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects tags, attributes and text, and sees that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data.strip()))


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def chart(label="two lines", names=("naïve", "b")):
    steps = {name: np.array([1.0, 2.0]) for name in names}
    return Chart(plots.svg(plots.error_by_step(steps, names[0], "units")), label, "a <caption>")


def page(*sections):
    return Page("Title & more", 'A "verdict" <b>', sections)


def test_every_text_is_escaped_and_figures_are_not():
    table = PageTable(("", "M<AE"), (("l & m", "1"), ("naive", "2")), frozenset({(0, 1)}))
    section = PageSection("One <1>", "words & words", (chart(),), (table,), "a: <b>")
    html = render(page(section))
    reader = read(html)
    texts = [text for _, text in reader.text]
    for text in ("One <1>", "words & words", "a <caption>", "M<AE", "l & m", "a: <b>", "naïve"):
        assert text in texts
    assert ("p", 'A "verdict" <b>') in reader.text
    assert "b" not in {tag for tag, _ in reader.tags}
    assert [tag for tag, _ in reader.tags].count("svg") == 1


def test_the_best_cells_stand_out():
    table = PageTable(
        ("", "MAE", "R2"), (("a", "1", "0"), ("b", "2", "1")), frozenset({(0, 1), (1, 2)})
    )
    html = render(page(PageSection("Scores", tables=(table,))))
    assert re.findall(r'<td class="best">(.*?)</td>', html) == ["1", "1"]
    assert re.findall(r"<td>(.*?)</td>", html) == ["0", "2"]


def test_no_two_elements_share_an_id_and_every_reference_leads_somewhere():
    html = render(
        page(PageSection("a", charts=(chart(), chart())), PageSection("b", charts=(chart(),)))
    )
    reader = read(html)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 30
    wanted = set(re.findall(r"url\(#([^)]+)\)", html)) | set(re.findall(r'href="#([^"]+)"', html))
    assert wanted
    assert wanted <= set(ids)


def test_nothing_is_fetched_and_nothing_is_run():
    html = render(page(PageSection("a", charts=(chart(),))))
    reader = read(html)
    assert not {"script", "img", "iframe", "object"} & {tag for tag, _ in reader.tags}
    links = [a["href"] for tag, a in reader.tags if tag == "link"]
    assert links == ["data:,"]
    assert "@import" not in html
    assert set(re.findall(r'(?:http|https)://[^"\s]+', html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_a_figure_has_a_role_a_label_and_a_caption():
    html = render(page(PageSection("a", charts=(chart('it\'s <1> & "2"'),))))
    reader = read(html)
    (svg,) = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert svg["role"] == "img"
    assert svg["aria-label"] == 'it\'s <1> & "2"'
    assert ("figcaption", "a <caption>") in reader.text


def test_text_that_looks_like_an_id_or_a_colour_stays_as_it_is():
    name = 'url(#x) id="y" fill: #d1495b'
    html = inline(chart(names=(name, "b")), "f0")
    assert name in html
    assert 'id="f0-' in html


def test_a_part_with_nothing_to_show_says_why_and_leaves_no_box():
    html = render(page(PageSection("Gone", "The file is gone.")))
    assert '<p class="left-out">The file is gone.</p>' in html
    assert not {"figure", "table", "pre"} & {tag for tag, _ in read(html).tags}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("ffffff", "000000") == pytest.approx(21)
    assert contrast("ffffff", "767676") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", [ACTUAL, FORECAST, NEUTRAL, *OTHERS, "#000000"])
def test_every_colour_is_seen_on_a_light_and_on_a_dark_page(colour):
    light, dark = (re.findall(r"--page: #(\w+)", TEMPLATE)[i] for i in (0, 1))
    (lightened,) = re.findall(rf"--{colour[1:]}: #(\w+)", TEMPLATE)
    assert contrast(colour[1:], light) > 3
    assert contrast(lightened, dark) > 3


def test_words_are_read_on_both_pages():
    for name in ("ink", "faint", "accent"):
        both = zip(
            re.findall(rf"--{name}: #(\w+)", TEMPLATE),
            re.findall(r"--page: #(\w+)", TEMPLATE),
            strict=True,
        )
        assert all(contrast(*pair) > 4.5 for pair in both)
