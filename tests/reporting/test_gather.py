"""Reports of real runs: what is read and computed, the command, and the page in a browser."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast.cli.main import main
from forecast.drawing import plots
from forecast.errors import ConfigError, DataError
from forecast.forecasting.model_file import load
from forecast.prepare import prepare
from forecast.reporting import importance
from forecast.reporting.gather import gather, write_report

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DAYS, SERIES = 120, ("north", "east & <west>", "shop $5_$6")
RANDOM = np.random.default_rng(8)
FIGURES = 8
"""Of the panel's report, at the least."""


def series(name, level):
    promo = (RANDOM.random(DAYS) < 0.3).astype(float)
    wave = 5 * np.sin(np.arange(DAYS) * 2 * np.pi / 7)
    noise = RANDOM.normal(0, 1, (2, DAYS))
    return pd.DataFrame(
        {
            "unique_id": name,
            "ds": pd.date_range("2024-01-01", periods=DAYS),
            "y": level + wave + 15 * promo + 0.2 * noise[0],
            "noise": noise[1],
            "promo": promo,
        }
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A panel with covariates and a searched rate, and airline passengers; a few epochs each."""
    folder = tmp_path_factory.mktemp("runs")
    table = pd.concat([series(name, 50.0 + 10 * n) for n, name in enumerate(SERIES)])
    table.to_csv(folder / "panel.csv", index=False)
    panel = {
        "data": {"path": str(folder / "panel.csv"), "past": ("noise",), "future": ("promo",)},
        "split": {"validation": 21, "test": 21},
        "window": {"lookback": 14, "horizon": 7},
        "model": {"hidden_size": 16, "head": "parallel", "segment": 7},
        "training": {
            "epochs": 15,
            "learning_rate": "auto",
            "schedule": "cosine",
            "lr_range": {"seeds": 2, "steps": 40, "first": 1e-4, "rule": "valley"},
        },
    }
    air = forecast.read_config(
        ROOT / "configs/air_passengers.yaml", ["training.epochs=3", "training.ensemble=3"]
    )
    data = air.data.model_copy(update={"path": str(ROOT / "data/air_passengers.csv")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "png", lambda figure: b"picture")  # a report draws its own
        forecast.train(panel, run=folder / "panel")
        forecast.train(air.model_copy(update={"data": data}), run=folder / "air")
    return folder


@pytest.fixture(scope="module")
def pages(runs):
    return {name: forecast.report(runs / name).read_text() for name in ("panel", "air")}


@pytest.fixture(scope="module")
def facts(runs):
    return gather(runs / "panel")


@pytest.fixture
def undrawn(monkeypatch):
    """Drawing takes long, and not every test looks at the figures."""
    monkeypatch.setattr(plots, "svg", lambda figure: "<svg ></svg>")


@pytest.fixture
def copied(runs, tmp_path):
    """A run of its own for a test that spoils it."""
    shutil.copytree(runs / "air", tmp_path / "air")
    shutil.copy(ROOT / "data/air_passengers.csv", tmp_path / "air.csv")
    config = tmp_path / "air/config.yaml"
    text = re.sub(r"path: .*", f"path: {tmp_path / 'air.csv'}", config.read_text())
    config.write_text(text)
    return tmp_path / "air"


def test_the_facts_are_those_of_the_run(runs, facts):
    assert facts.run == "panel"
    assert facts.targets == ("y",)
    summary = json.loads((runs / "panel/summary.json").read_text())
    assert facts.files.summary.verdict == summary["verdict"]
    assert facts.files.summary.mae_by_step == summary["mae_by_step"]
    lines = [json.loads(line) for line in (runs / "panel/metrics.jsonl").read_text().splitlines()]
    assert [epoch.train_loss for epoch in facts.files.histories[0]] == [
        e["train_loss"] for e in lines
    ]
    ranked = [f"{name}, y" for name in summary["worst_series"]]
    assert [picture["name"].split(" (")[0] for picture in facts.pictures] == ranked
    assert facts.data["data"]["rows"] == DAYS * len(SERIES)
    assert facts.config == (runs / "panel/config.yaml").read_text().rstrip()
    assert facts.files.environment.packages["torch"] == torch.__version__


def test_the_sweep_is_read_as_it_was_and_the_rate_is_the_one_trained_with(runs, facts):
    found = facts.files.sweeps
    rows = pd.read_csv(runs / "panel/lr_range.csv", dtype=str).astype(float)
    assert [sweep.seed for sweep in found.sweeps] == rows.seed.unique().tolist()
    read = [(p.rate, p.loss, p.smoothed) for sweep in found.sweeps for p in sweep.points]
    np.testing.assert_array_equal(read, rows[["learning_rate", "loss", "smoothed_loss"]])
    trained = load(runs / "panel").config.training.learning_rate
    assert found.rates[found.rule] == trained


def test_the_model_leans_on_what_drives_the_series(facts):
    found = facts.importance
    mean = {name: values.mean() for name, values in found.inputs.items()}
    assert set(mean) == {"past y", "noise", "promo"}
    assert mean["promo"] > 3 * abs(mean["noise"])
    assert (found.part, found.windows) == ("validation", len(SERIES) * 15)
    assert found.lookback_rises.shape == (14, importance.REPEATS)


def test_the_error_on_the_models_scale_is_that_of_a_loop_over_windows(runs):
    trained = load(runs / "air")
    prepared = prepare(trained.config)
    found = importance.importance(trained, prepared)
    windows, errors = prepared.windows["validation"], []
    for number in range(len(windows)):
        batch = windows.gather(torch.tensor([number]))
        with torch.inference_mode():
            members = [m(batch.past, batch.future, batch.static) for m in trained.models]
        middle = np.median([member[0, :, :, 0].numpy() for member in members], axis=0)
        errors += np.abs(middle - batch.target[0].numpy()).ravel().tolist()
    assert len(trained.models) == 3
    assert found.error == pytest.approx(np.mean(errors), rel=1e-5)


def test_large_models_and_many_parts_use_fewer_windows(runs, monkeypatch):
    trained = load(runs / "air")
    long, short = ({"epochs": [n], "windows": {"train": 1000}} for n in (10_000, 1))
    trained = replace(trained, summary=long)
    assert importance.affordable_windows(trained, 10) == importance.MOST_WINDOWS
    # A step counts as three forecasts; half of them, each window 9 times in each model.
    assert importance.affordable_windows(replace(trained, summary=short), 2) == max(
        3 * 1000 // 2 // (9 * len(trained.models)), importance.FEWEST_WINDOWS
    )
    monkeypatch.setattr(importance, "MOST_WORK", 1e4)
    assert importance.affordable_windows(trained, 10) == importance.FEWEST_WINDOWS


def test_after_a_short_training_there_are_fewer_shuffles(runs):
    """Else those of a network that was trained for seconds would take minutes."""
    trained = load(runs / "air")
    prepared = prepare(trained.config)
    short = replace(trained, summary={"epochs": [1], "windows": {"train": 8}})
    long = replace(trained, summary={"epochs": [10_000], "windows": {"train": 8}})
    least, most = (importance.importance(each, prepared) for each in (short, long))
    assert least.lookback_rises.shape == (4, 2)
    assert most.lookback_rises.shape == (12, importance.REPEATS)
    assert least.windows <= importance.FEWEST_WINDOWS


def test_the_page_holds_the_verdict_the_parts_and_the_figures(runs, pages):
    summary = json.loads((runs / "panel/summary.json").read_text())
    assert html.escape(summary["verdict"], quote=False) in pages["panel"]
    assert pages["panel"].count("<figure>") >= FIGURES
    assert "east &amp; &lt;west&gt;" in pages["panel"]
    assert "<west>" not in pages["panel"]
    assert "The table holds a single series." in pages["air"]
    assert "The learning rate was set, not searched for." in pages["air"]
    assert all(len(page) < 1_500_000 for page in pages.values())


def test_the_same_run_gives_the_same_bytes(runs, pages, tmp_path):
    assert forecast.report(runs / "air", tmp_path / "again.html").read_text() == pages["air"]


def test_without_the_table_the_rest_is_reported(copied, undrawn):
    last_year = pd.read_csv(copied.parent / "air.csv").passengers[-12:]
    (copied.parent / "air.csv").unlink()
    facts = gather(copied)
    (picture,) = facts.pictures
    assert list(picture["forecasts"]) == ["next steps"]
    np.testing.assert_array_equal(picture["actual"][-12:], last_year)
    assert facts.data is facts.importance is None
    assert facts.without_table == f"Left out, for {copied.parent / 'air.csv'} is not there."
    page = write_report(copied, force=True)
    left_out = [part.title for part in page.sections if part.is_left_out]
    assert {"Data", "What the model looks at"} <= set(left_out)
    assert not {"Forecast against actual values", "Learning curve", "Configuration"} & set(left_out)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "1961-01-01,430\n",
        lambda text: text.replace("432", "433"),
        lambda text: text.replace("1949-01-01,112\n", ""),
        lambda text: text.replace("1949-01-01", "1948-12-01,111\n1949-01-01"),
    ],
    ids=["longer", "other value", "other start", "older rows"],
)
def test_a_table_that_has_changed_is_not_that_of_the_run(copied, change):
    table = copied.parent / "air.csv"
    before = table.read_text()
    table.write_text(change(before))
    assert table.read_text() != before
    facts = gather(copied)
    assert facts.data is facts.importance is None
    assert facts.without_table == f"Left out, for {table} has changed since the run was trained."


def test_no_line_is_shown_of_a_file_that_is_no_table_of_the_run(copied, undrawn, tmp_path):
    secret = tmp_path / "air.csv"
    secret.write_text("month,passengers\n1949-01-01,rosebud\n")
    page = write_report(copied, force=True)
    told = " ".join(part.text for part in page.sections)
    assert f"{secret} cannot be read as the table of the run" in told
    assert "rosebud" not in told


def test_a_configuration_that_was_edited_is_refused(copied):
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace("seed: 0", "seed: 5"))
    with pytest.raises(DataError, match=r"config\.yaml: seed is 5, the model was trained with 0"):
        gather(copied)


def test_losses_that_were_no_numbers_are_drawn_as_gaps(copied, undrawn):
    lines = (copied / "metrics.jsonl").read_text().splitlines()
    first = json.loads(lines[0]) | {"train_loss": None, "validation_loss": None}
    first["gradient_norms"] = dict.fromkeys(first["gradient_norms"])
    (copied / "metrics.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    epoch = gather(copied).files.histories[0][0]
    assert np.isnan([epoch.train_loss, epoch.validation_loss]).all()
    assert np.isnan(list(epoch.gradient_norms.values())).all()
    write_report(copied, force=True)


def test_files_that_are_gone_are_named(copied, undrawn):
    for name in ("metrics.jsonl", "environment.json"):
        (copied / name).unlink()
    page = write_report(copied, force=True)
    left_out = {section.title: section.text for section in page.sections if section.is_left_out}
    assert left_out["Learning curve"] == "Left out, for the run holds no metrics.jsonl."
    assert left_out["Environment"] == "Left out, for the run holds no environment.json."


@pytest.mark.parametrize(
    "name", ["summary.json", "metrics.jsonl", "environment.json", "profile.json", "lr_range.csv"]
)
def test_a_damaged_file_ends_the_command_in_one_line(copied, capsys, name):
    text = (copied / name).read_bytes() if (copied / name).exists() else b"{}"
    (copied / name).write_bytes(text[: len(text) // 2] + b"\0")
    page = copied / "page.html"
    assert main(["report", str(copied), "--output", str(page)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"forecast: {copied / name}")
    assert "copy the run again" in line
    assert not page.exists()


def test_a_report_is_only_replaced_by_force(copied, undrawn):
    write_report(copied / "model.safetensors", force=True)  # which names its run
    with pytest.raises(
        ConfigError, match=r"report\.html exists; give another --output, or --force"
    ):
        write_report(copied)


def test_what_is_no_finished_run_is_refused(copied, tmp_path):
    with pytest.raises(DataError, match=r"no run folder; it holds no config\.yaml"):
        write_report(tmp_path)
    (copied / "model.safetensors").unlink()
    with pytest.raises(DataError, match="the run is not finished"):
        write_report(copied, tmp_path / "new.html")


def test_the_command_writes_the_page_and_says_what_is_left_out(runs, tmp_path, capsys, undrawn):
    path = tmp_path / "page.html"
    assert main(["report", str(runs / "air"), "--output", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["report"] == str(path)
    assert printed["bytes"] == path.stat().st_size > 3_000
    assert "Learning-rate range test" in printed["left_out"]
    assert main(["report", str(runs / "air"), "--output", str(path)]) == 2
    assert "exists; give another --output, or --force" in capsys.readouterr().err
    assert main(["report", str(runs / "air"), "--output", str(path), "--force", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"report: {path}"
    assert any(line.startswith("left out: Learning-rate range test: ") for line in lines)
    assert main(["report", str(runs / "air"), "--output", str(tmp_path / "no/p.html")]) == 2
    assert "there is no folder" in capsys.readouterr().err


MEASURE = """
<pre id="found"></pre><script>
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, look = frame.contentWindow.getComputedStyle;
    const size = (item) => { const b = item.getBoundingClientRect(); return [b.width, b.height]; };
    found[frame.id] = {
      figures: [...page.querySelectorAll("figure svg")].map(size),
      captions: [...page.querySelectorAll("figcaption")].map(size),
      overflow: page.documentElement.scrollWidth - frame.clientWidth,
      paper: look(page.body).backgroundColor,
      ink: [...new Set([...page.querySelectorAll("svg text")].map((t) => look(t).fill))],
      lines: [...new Set([...page.querySelectorAll("svg path")].map((t) => look(t).stroke))],
    };
  }
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>
"""


def shown(page, folder, dark=False, extra=""):
    """What a browser makes of a page at the widths of a phone and of a desk, and its complaints."""
    frames = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:900px;border:0"'
        f' srcdoc="{html.escape(page)}"></iframe>'
        for name, width in (("phone", 390), ("desk", 1280))
    )
    (folder / "frames.html").write_text(f"<!DOCTYPE html><body>{frames}{MEASURE}{extra}</body>")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    words += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", *scheme]
    result = subprocess.run(
        [CHROMIUM, *words, "--dump-dom", (folder / "frames.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=250,
        check=True,
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', result.stdout, re.DOTALL)[1]
    complaints = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found)), complaints


def brightness(colour):
    return sum(int(number) for number in re.findall(r"\d+", colour)[:3]) / 3


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_every_figure_on_a_phone_and_on_a_desk(pages, tmp_path, dark):
    found, complaints = shown(pages["panel"], tmp_path, dark)
    assert complaints == []
    count = pages["panel"].count("<figure>")
    for name, width in (("phone", 390), ("desk", 1280)):
        view = found[name]
        assert len(view["figures"]) == len(view["captions"]) == count >= FIGURES
        assert all(200 < w <= width and h > 80 for w, h in view["figures"])
        assert view["overflow"] <= 0
        assert (brightness(view["paper"]) < 60) == dark
        assert len(view["ink"]) == 1
        assert abs(brightness(view["ink"][0]) - brightness(view["paper"])) > 150
        assert "rgb(0, 0, 0)" not in view["lines"] or not dark


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
def test_the_browser_would_complain_of_a_fault_and_of_what_it_cannot_fetch(tmp_path):
    fault = "<img src='file:///nowhere.png'><script>console.error('fault')</script>"
    _, complaints = shown("<p>page</p>", tmp_path, extra=fault)
    assert any("fault" in line for line in complaints)
