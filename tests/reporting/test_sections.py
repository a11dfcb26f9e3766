"""What a report says of given facts: every part in its place, a sentence for what is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from forecast.drawing import plots
from forecast.reporting.importance import Importance, InputPart
from forecast.reporting.importance_section import MOST_INPUTS
from forecast.reporting.page import PageSection, render
from forecast.reporting.run_files import Environment, RunFiles, Summary
from forecast.reporting.sections import SECTIONS, Facts, page_of
from forecast.training.loop import Epoch
from forecast.training.lr_rules import LrFound, Point, Sweep

SVG = plots.svg
TITLES = [
    "Scores on the test part",
    "Forecast against actual values",
    "Sample paths",
    "Error by horizon step",
    "Series forecast worst and best",
    "Interval coverage by step",
    "Learning curve",
    "Gradient norms by layer",
    "Learning-rate range test",
    "Data",
    "What the model looks at",
    "Where the time went",
    "Configuration",
    "Environment",
]
SUMMARY = Summary(
    model="lstm",
    parameters=1234,
    ensemble=1,
    epochs=[2],
    kept_epochs=[2],
    stopped=["2 epochs are done"],
    windows={"train": 10, "validation": 4, "test": 5},
    verdict="lstm is 50.0 % better.",
    remarks=["Paired over 9 origins."],
    metrics={
        "lstm": {"MAE": 1.0, "bias": -0.5, "R2": 0.9},
        "naive": {"MAE": 2.0, "bias": 0.1, "R2": 0.95},
        "seasonal_naive": {"MAE": 1.0, "bias": 0.7, "R2": math.nan},
    },
    mae_by_step={"lstm": [1.0, 1.5], "naive": [2.0, 3.0], "seasonal_naive": [2.0, math.nan]},
    worst_series={"a": 2.0, "b": math.nan},
    best_series={"c": 0.5},
    coverage={"rolling": {"80": 0.789, "95": 0.95}},
    coverage_by_step={"rolling": {"80": [0.8, 0.75], "95": [0.95, 0.9]}, "split": {}},
)
UNTESTED = replace(
    SUMMARY,
    windows={"train": 10, "validation": 4, "test": 0},
    **{name: {} for name in ("metrics", "mae_by_step", "coverage", "coverage_by_step")},
    **{name: {} for name in ("worst_series", "best_series")},
)
EPOCHS = [
    Epoch(
        number=number,
        step=number,
        train_loss=1 / number,
        validation_loss=2 / number,
        learning_rate=0.01,
        seconds=1.0,
        gradient_norms={"head.output.weight": 3.0, "head.output.bias": 4.0},
    )
    for number in (1, 2)
]
POINTS = tuple(Point(0.1 * n, 1 / n, 1 / n) for n in range(1, 9))
TIMES = np.arange(10)
PICTURE = {
    "name": "a, y",
    "times": TIMES,
    "actual": TIMES * 1.0,
    "forecasts": {
        "test forecast": [(TIMES[8:], TIMES[8:] * 1.0, TIMES[8:] - 1.0, TIMES[8:] + 1.0)],
        "next steps": [(TIMES[8:] + 2, TIMES[8:] * 1.0, None, None)],
    },
}
PATHS = {
    **PICTURE,
    "forecasts": {
        "forecast": (TIMES[8:] + 2, TIMES[8:] * 1.0, TIMES[8:] - 1.0, TIMES[8:] + 1.0),
        "sample paths": [(TIMES[8:] + 2, TIMES[8:] + 0.5)],
    },
}
IMPORTANCE = Importance(
    part="validation",
    windows=4,
    error=0.5,
    inputs={"past y": np.array([0.1, 0.2]), "price": np.array([0.3, 0.4])},
    lookback=(InputPart("-4 to -3", first=0, end=2), InputPart("-2 to -1", first=2, end=4)),
    lookback_rises=np.array([[0.0, 0.1], [0.5, 0.6]]),
)
FACTS = Facts(
    run="run7",
    targets=("y",),
    files=RunFiles(
        SUMMARY,
        histories=[EPOCHS],
        sweeps=LrFound([Sweep(0, POINTS, {})], {"valley": 0.02, "steepest": None}, "valley"),
        environment=Environment(
            "1.0", "3.11", "Linux", {"torch": "2"}, "cpu", threads=2, cpus=None, command=["x"]
        ),
        profile={"kernel": 1.0},
    ),
    pictures=[PICTURE],
    paths=[PATHS],
    data={
        "data": {"rows": 10, "columns": ["y", "price"], "timezone": None},
        "findings": [{"kind": "gap", "message": "file.csv:3: after this row 2 rows missing"}],
    },
    importance=IMPORTANCE,
    config="data: {path: file.csv}",
    shaded=80.0,
)


def part(title, facts=FACTS):
    return SECTIONS[TITLES.index(title)](facts)


def with_summary(**changes):
    return replace(FACTS, files=replace(FACTS.files, summary=replace(SUMMARY, **changes)))


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "svg", SVG)
        return page_of(FACTS)


@pytest.fixture(autouse=True)
def figures(monkeypatch):
    """The figures that are made; drawing them takes long, so their texts stand for them."""
    made = []

    def texts(figure):
        made.append(figure)
        return f"<svg {' '.join(text.get_text() for text in figure.findobj(Text))}>"

    monkeypatch.setattr(plots, "svg", texts)
    return made


def test_the_verdict_is_first_and_the_parts_are_in_their_order(page):
    assert page.title == "Forecast of y: run7"
    assert page.verdict == SUMMARY.verdict
    assert [section.title for section in page.sections] == TITLES
    assert not [section.title for section in page.sections if section.is_left_out]
    html = render(page)
    places = [html.index(f">{text}<") for text in (page.verdict, *TITLES)]
    assert places == sorted(places)


def test_every_figure_has_a_label_and_a_sentence(page):
    charts = [chart for section in page.sections for chart in section.charts]
    assert len(charts) == 10
    assert all(chart.label and chart.caption.endswith(".") for chart in charts)
    assert all(chart.svg.startswith("<svg") for chart in charts)


def test_the_table_has_every_method_and_marks_the_best():
    (table,) = part("Scores on the test part").tables
    assert table.header == ("", "MAE", "bias", "R2")
    assert table.rows == (
        ("lstm", "1", "-0.5", "0.9"),
        ("naive", "2", "0.1", "0.95"),
        ("seasonal naive", "1", "0.7", "–"),  # noqa: RUF001
    )
    assert table.best == {(0, 1), (2, 1), (1, 2), (1, 3)}


def test_what_was_trained_is_said_in_a_sentence():
    assert part("Scores on the test part").text == (
        "lstm with 1,234 parameters; windows: 10 to train, 4 to choose, 5 to test."
    )
    ensemble = part(
        "Scores on the test part",
        with_summary(ensemble=3, epochs=[2] * 3, kept_epochs=[2] * 3, stopped=["why"] * 3),
    ).text
    assert "an ensemble of 3" in ensemble


def test_captions_give_the_numbers():
    assert "1 one step ahead, 1.5 at the last" in part("Error by horizon step").charts[0].caption
    curve = part("Learning curve").charts[0].caption
    assert curve == "Learning rate 0.01 throughout. Stopped: 2 epochs are done."
    assert part("Learning-rate range test").charts[0].caption == "Rule valley suggests 0.02."


def test_intervals_have_their_shares_widths_and_scores():
    scored = with_summary(
        interval_width={"rolling": {"80": 3.14159}},
        interval_score={"rolling": {"80": 5.0}},
        sum_coverage={"split": {"80": 0.75}},
        sum_interval_score={"split": {"80": 9.0}},
    )
    (table,) = part("Interval coverage by step", scored).tables
    assert table.header == ("interval", "coverage", "mean width", "interval score")
    assert table.rows == (
        ("80 %, rolling", "78.9 %", "3.142", "5"),
        ("95 %, rolling", "95.0 %", "–", "–"),  # noqa: RUF001
        ("sum over the horizon, 80 %, split", "75.0 %", "–", "9"),  # noqa: RUF001
    )


def test_quantiles_have_their_scores():
    tables = part("Scores on the test part", with_summary(quantile_metrics={"CRPS": 0.25})).tables
    assert tables[1].rows == (("CRPS", "0.25"),)


def test_importance_is_in_percent_of_the_error_and_names_the_strongest(figures):
    found = part("What the model looks at")
    inputs, lookback = found.charts
    assert "4 validation windows, 2 times over" in found.text
    assert inputs.label == "Rise of the error by input: price, past y"
    assert "without the steps -2 to -1." in lookback.caption
    heights = [bar.get_height() for bar in figures[-1].axes[0].patches]
    np.testing.assert_allclose(heights, [10, 110])  # 0.05 and 0.55 of 0.5


def test_one_input_alone_needs_no_figure_and_many_are_cut():
    alone = replace(IMPORTANCE, inputs={"past y": np.array([0.1, 0.2])})
    assert len(part("What the model looks at", replace(FACTS, importance=alone)).charts) == 1
    many = {f"x{number}": np.array([1.0, 1.0]) * number for number in range(MOST_INPUTS + 3)}
    crowd = replace(FACTS, importance=replace(IMPORTANCE, inputs=many))
    chart = part("What the model looks at", crowd).charts[0]
    assert "3 inputs that matter less are not shown" in chart.caption
    assert "x3" in chart.svg.split()
    assert "x2" not in chart.svg.split()


def test_the_data_have_their_findings_or_a_sentence():
    described, found = part("Data").tables
    assert described.rows == (("rows", "10"), ("columns", "y, price"), ("timezone", "none"))
    assert found.rows == (("gap", "file.csv:3: after this row 2 rows missing"),)
    clean = part("Data", replace(FACTS, data=dict(FACTS.data) | {"findings": []}))
    assert clean.text.startswith("No gaps")
    assert len(clean.tables) == 1


def test_a_forecast_without_intervals_or_next_steps_says_no_more_than_is_there():
    whole = part("Forecast against actual values").charts[0]
    assert whole.label == "Actual values with test forecast and next steps of a, y"
    assert "Shaded: the 80 % interval." in whole.caption
    assert "--future" not in whole.caption
    line = PICTURE["forecasts"]["test forecast"][0][:2]
    picture = PICTURE | {"forecasts": {"test forecast": [(*line, None, None)]}}
    bare = part("Forecast against actual values", replace(FACTS, pictures=[picture])).charts[0]
    assert "Shaded" not in bare.caption
    assert "--future" in bare.caption


@pytest.mark.parametrize(
    ("absent", "title", "sentence"),
    [
        ("pictures", "Forecast against actual values", "The table is gone."),
        ("histories", "Learning curve", "Left out, for the run holds no metrics.jsonl."),
        ("histories", "Gradient norms by layer", "Left out, for the run holds no metrics.jsonl."),
        ("sweeps", "Learning-rate range test", "The learning rate was set, not searched for."),
        ("data", "Data", "The table is gone."),
        ("importance", "What the model looks at", "The table is gone."),
        ("profile", "Where the time went", "Not measured: forecast train --profile does."),
        ("environment", "Environment", "Left out, for the run holds no environment.json."),
    ],
)
def test_what_is_absent_is_a_sentence_and_no_box(absent, title, sentence):
    facts = replace(FACTS, without_table="The table is gone.")
    if hasattr(facts.files, absent):
        facts = replace(facts, files=replace(facts.files, **{absent: None}))
    else:
        facts = replace(facts, **{absent: () if absent == "pictures" else None})
    section = part(title, facts)
    assert section == PageSection(title, sentence)
    assert section.is_left_out


def test_too_few_windows_tell_nothing_of_what_the_model_looks_at():
    section = part("What the model looks at", replace(FACTS, importance=None))
    assert section.text == "Left out, for neither validation nor test part holds two windows."


def test_a_run_without_test_part_has_its_verdict_and_its_curves():
    page = page_of(replace(FACTS, files=replace(FACTS.files, summary=UNTESTED)))
    left_out = [section for section in page.sections if section.is_left_out]
    assert [section.title for section in left_out] == ["Scores", *TITLES[3:6]]
    assert all("no test part" in s.text or "intervals" in s.text for s in left_out)


@pytest.mark.parametrize("count", [1, 12])
def test_every_level_of_the_intervals_is_drawn_however_many_there_are(count):
    levels = {str(5 * number): [0.5, 0.5] for number in range(1, count + 1)}
    chart = part("Interval coverage by step", with_summary(coverage_by_step={"quantile": levels}))
    assert chart.charts[0].caption.endswith("Quantile: as the model was trained to give them.")


def test_a_single_series_is_not_compared_with_itself():
    single = part("Series forecast worst and best", with_summary(worst_series={}, best_series={}))
    assert single.text == "The table holds a single series."
