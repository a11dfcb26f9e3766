"""The page: by mouse and keyboard, wide and narrow, light and dark, without a network."""

import contextlib
import re
import shutil

import pytest

from forecast.serve.page import page_text, policy
from forecast.tables.csv_text import to_csv
from tests.serve.helpers import get, listening, service_of
from tests.waves import SINGLE, TABLE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
TOKEN = "0123456789abcdef"


def test_the_page_is_one_file_that_leads_nowhere():
    text = page_text()
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|url\(|<iframe|\son\w+=|style=|innerHTML|eval\(", text)
    assert len(re.findall(r"<script>", text)) == len(re.findall(r"<style>", text)) == 1


def test_only_its_own_script_may_run(single):
    with service_of(single[1]) as service:
        headers = get(service, "/").headers
    assert headers["content-security-policy"] == policy()
    assert "unsafe" not in policy()
    assert policy().startswith("default-src 'none'; script-src 'sha256-")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, port, width=1280, scheme="light"):
    """A page, what it complains of, and what it asks for; nothing but the service is reached."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(15_000)
    complaints, own = [], f"http://127.0.0.1:{port}/"
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith((own, "data:", "blob:")) or complaints.append(request.url)
        ),
    )
    page.goto(own)
    yield page, complaints
    page.close()


def brightness(colour):
    return sum(int(number) for number in re.findall(r"\d+", colour)[:3]) / 3


LOOK = """() => {
  const look = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
  return {
    width: document.querySelector("#chart svg").getBoundingClientRect().width,
    overflow: document.documentElement.scrollWidth - innerWidth,
    paper: look("body", "backgroundColor"), ink: look(".actual", "stroke"),
    line: look("polyline.forecast", "stroke"), bands: document.querySelectorAll(".band").length,
  };
}"""


@needs_browser
def test_a_csv_is_drawn_for_phone_and_desk_in_light_and_dark(single, browser, tmp_path):
    model, path = single
    (tmp_path / "newer.csv").write_text(to_csv(SINGLE))
    with service_of(path) as service, listening(service) as port:
        for width, scheme in ((390, "dark"), (1280, "light")):
            with opened(browser, port, width, scheme) as (page, complaints):
                page.set_input_files("#history", str(tmp_path / "newer.csv"))
                page.wait_for_selector("#chart svg")
                found = page.evaluate(LOOK)
                assert complaints == []
            assert found["overflow"] <= 0
            assert 300 <= found["width"] <= width
            assert found["bands"] == sum(name.startswith("lo-") for name in model.forecast())
            assert (brightness(found["paper"]) < 60) == (scheme == "dark")
            for ink in (found["ink"], found["line"]):
                assert abs(brightness(ink) - brightness(found["paper"])) > 80


@needs_browser
def test_by_keyboard_with_a_token_to_the_file(single, browser):
    """Without a mouse: the token is asked for, the forecast drawn, another series, the download."""
    model, path = single
    with (
        service_of(path, token=TOKEN) as service,
        listening(service) as port,
        opened(browser, port) as (page, _),
    ):
        page.wait_for_selector("#token:focus")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Tab")
        page.get_by_text("3 steps of MS ahead").wait_for()
        page.wait_for_selector("#go:focus")
        page.keyboard.press("Enter")
        page.wait_for_selector("#chart svg")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")  # the second target
        assert "z" in page.get_attribute("#chart svg", "aria-label")
        page.keyboard.press("Tab")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        text = download.value.path().read_text()
    assert text == to_csv(model.forecast())


@needs_browser
def test_what_is_refused_is_said_and_what_is_dropped_is_read(panel, browser, tmp_path):
    model, path = panel
    table = TABLE.assign(price=1.0).drop(columns="z")
    future = table[["ds", "price"]].iloc[:3].assign(ds=["2024-01-01", "2024-02-01", "2024-03-01"])
    (tmp_path / "future.csv").write_text(to_csv(future))
    drop = """text => {
      const data = new DataTransfer();
      data.items.add(new File([text], "newer.csv", {type: "text/csv"}));
      const event = new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
      document.querySelector("#drop").dispatchEvent(event);
    }"""
    with (
        service_of(path) as service,
        listening(service) as port,
        opened(browser, port) as (page, _),
    ):
        page.wait_for_selector("#future")
        page.evaluate(drop, to_csv(table))
        page.wait_for_selector("#says.error")
        assert "the model needs the future values of price" in page.inner_text("#says")
        page.set_input_files("#future", str(tmp_path / "future.csv"))
        page.click("#go")
        page.wait_for_selector("#chart svg")
        assert page.inner_text("#says").startswith("6 rows.")
        names = page.eval_on_selector_all("#series option", "all => all.map(o => o.text)")
        cells = page.eval_on_selector_all("#rows td", "all => all.map(cell => cell.textContent)")
    assert names == ["a: y", "b: y"]
    assert f"{model.forecast(table, future).forecast[0]:.6g}" in [c.replace(",", "") for c in cells]
