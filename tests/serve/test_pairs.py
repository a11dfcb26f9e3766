"""Series that two columns name: the routes and the page answer for each pair as predict does."""

import io

import pandas as pd
import pytest

from forecast.tables.csv_text import to_csv
from tests.serve.helpers import ask, columns, get, listening, service_of
from tests.serve.test_app import CSV, assert_same
from tests.serve.test_page import browser as browser
from tests.serve.test_page import needs_browser, opened
from tests.waves import TABLE, config, finish, session_of

NAMES = {"a": (7, "tea, green"), "b": (12, "x|y <b>")}
PAIRS = TABLE.assign(
    store=TABLE.unique_id.map(lambda name: NAMES[name][0]),
    item=TABLE.unique_id.map(lambda name: NAMES[name][1]),
).drop(columns=["unique_id", "z"])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    model = finish(session_of(config(data={"id": ["store", "item"], "target": ("y",)}), PAIRS))
    path = tmp_path_factory.mktemp("served") / "pairs.safetensors"
    model.save(path)
    return model, path


def test_pairs_in_json_and_csv_have_the_numbers_of_predict(pairs):
    model, path = pairs
    one = PAIRS[PAIRS.store == 12].iloc[:50]
    with service_of(path) as service:
        empty, whole, alone, text = ask(
            service,
            {},
            {"json": {"history": columns(PAIRS)}},
            {"json": {"history": columns(one), "horizon": 2}},
            {"content": to_csv(one), "params": {"level": "50"}, "headers": CSV},
        )
        (about,) = get(service, "/v1/models").json()
    assert_same(empty.json()["forecast"], model.forecast())
    assert_same(whole.json()["forecast"], model.forecast(PAIRS))
    assert_same(alone.json()["forecast"], model.forecast(one, horizon=2))
    assert text.text == to_csv(model.forecast(one, level=[50]))
    assert [*pd.read_csv(io.StringIO(text.text)).columns[:2]] == ["store", "item"]
    assert about["id"] == ["store", "item"]


def test_a_new_pair_and_a_missing_column_are_told(pairs):
    model, path = pairs
    new = PAIRS[PAIRS.store == 7].assign(store=12)
    with service_of(path) as service:
        other, without, sampled = ask(
            service,
            {"json": {"history": columns(new)}},
            {"json": {"history": columns(PAIRS.drop(columns="item"))}},
            {"json": {"history": columns(PAIRS), "samples": 3, "seed": 1}},
        )
    assert_same(other.json()["forecast"], model.forecast(new))
    assert len(other.json()["warnings"]) == 1
    assert "was not in training" in other.json()["warnings"][0]
    assert (without.status_code, without.json()["error"]) == (
        422,
        "history:1: no column 'item'; known: ds, y, store",
    )
    assert_same(sampled.json()["forecast"], model.sample(PAIRS, 3, 1).table)


@needs_browser
def test_the_page_draws_each_pair_and_gives_its_rows(pairs, browser, tmp_path):
    _, path = pairs
    (tmp_path / "newer.csv").write_text(to_csv(PAIRS))
    with (
        service_of(path) as service,
        listening(service) as port,
        opened(browser, port, width=390) as (page, complaints),
    ):
        page.set_input_files("#history", str(tmp_path / "newer.csv"))
        page.wait_for_selector("#chart svg")
        names = page.eval_on_selector_all("#series option", "all => all.map(o => o.text)")
        page.select_option("#series", index=1)
        label = page.get_attribute("#chart svg", "aria-label")
        actual = page.locator(".actual").count()
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        cells = page.eval_on_selector_all("#rows td", "all => all.map(cell => cell.textContent)")
        assert complaints == []
    assert names == ["7/tea, green: y", "12/x|y <b>: y"]
    assert ("12/x|y <b>, y" in label, actual, overflow) == (True, 1, 0)
    assert cells[:2] == ["12", "x|y <b>"]
