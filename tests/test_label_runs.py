"""Runs of labels in folders: pictures, the report, resuming, damage; and what else reads a run."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.data.assemble import read_panel
from forecast.drawing import label_plots
from forecast.evaluation.labels import LabelSums
from forecast.experiment import train
from forecast.forecasting.compare import two_futures
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.drain import result_of
from forecast.runs.folder import existing_run, new_run
from tests.helpers import refusal
from tests.test_labels import BOTH, HORIZON, config, table

SETTINGS = {"target": BOTH, "training": {"epochs": 3, "ensemble": 2}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two targets and two series, its table, and the model."""
    folder = tmp_path_factory.mktemp("labels")
    frame = table(2)
    frame.to_csv(folder / "data.csv", index=False)
    settings = config(**SETTINGS, data={"path": str(folder / "data.csv")})
    return folder / "run", result_of(train(settings, folder=new_run(folder / "run"))), frame


def test_it_leaves_the_forecast_and_its_picture(run):
    folder, model, _ = run
    written = pd.read_csv(folder / "forecast.csv", parse_dates=["ds"])
    ours = model.forecast()
    pd.testing.assert_frame_equal(written, ours, check_dtype=False)
    assert (folder / "forecast.png").stat().st_size > 10_000
    assert "labels" not in repr(model).splitlines()[0]
    assert model.plot_test().axes[0].get_ylim() == (2.5, -0.5)  # three labels, the first above


def test_interrupted_it_resumes_to_the_same_bytes(run):
    whole, _, _ = run
    settings = config(**SETTINGS, data={"path": str(whole.parent / "data.csv")})
    folder = new_run(whole.parent / "part")
    for _ in train(settings, folder=folder):
        break  # closes the generator, as Ctrl-C does
    result_of(train(settings, folder=existing_run(folder.path), resume=True))
    for name in ("model.safetensors", "summary.json", "forecast.csv"):
        assert (folder.path / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_report_shows_what_labels_have(run, tmp_path):
    folder, model, _ = run
    text = forecast.report(folder, tmp_path / "report.html").read_text(encoding="utf-8")
    for title in (
        "Accuracy by horizon step",
        "What came and what was forecast",
        "Reliability of the probabilities",
    ):
        assert f">{title}<" in text
    assert "Interval coverage" not in text
    assert "Shaded: the probability of each label." in text
    assert "the rise of the log loss" in text
    assert model.summary["verdict"] in text.replace("&#x27;", "'")
    assert len(re.findall("Confusion matrix of", text)) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s["confusion"]["state"].pop(), "confusion has not a row and a column for each"),
        (lambda s: s.update(reliability=[[0, 0.5, 0.5]]), "'reliability.0.0': Input should be"),
        (lambda s: s["accuracy_by_step"].pop("lstm"), "accuracy_by_step lacks the model lstm"),
    ],
)
def test_a_summary_that_cannot_be_is_refused_by_the_report(run, tmp_path, change, says):
    folder, _, _ = run
    copy = tmp_path / "run"
    copy.mkdir()
    tensors, content = load_checkpoint(folder / "model.safetensors", "model")
    change(content["summary"])
    save_checkpoint(copy / "model.safetensors", "model", tensors, content)
    (copy / "config.yaml").write_bytes((folder / "config.yaml").read_bytes())
    (copy / "summary.json").write_text(json.dumps(content["summary"]), encoding="utf-8")
    assert says in refusal(forecast.report, copy, error=forecast.DataError)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(classes=None), "classes are not those of the labels"),
        (lambda c: c["classes"].pop(), "classes are not those of the labels"),
        (lambda c: c["classes"][0].reverse(), "classes of state are not in order"),
        (lambda c: c["classes"][0].append("storm"), "classes of state are not in order"),
        (lambda c: c["classes"][0].append("zz"), "levels of state lack a class"),
        (lambda c: c["levels"].pop("windy"), "levels of windy lack a class"),
        (lambda c: c["classes"][1].pop(), "classes of windy are not in order, or too many"),
    ],
)
def test_a_well_signed_file_with_other_classes_is_refused(run, tmp_path, change, says):
    tensors, content = load_checkpoint(run[0] / "model.safetensors", "model")
    content = json.loads(json.dumps(content))
    change(content)
    save_checkpoint(tmp_path / "model.safetensors", "model", tensors, content)
    assert says in refusal(forecast.load, tmp_path, error=forecast.DataError)


def test_intervals_of_labels_are_refused(run):
    _, model, _ = run
    said = refusal(model.forecast, level=80, error=forecast.ConfigError)
    assert said.startswith("labels have no intervals: the columns p-<label> tell")
    assert len(model.forecast(level=[])) == 4 * HORIZON


def test_a_table_that_lacks_labels_is_forecast_with_all_of_them(run):
    _, model, frame = run
    calm = frame[frame.state != "storm"].assign(ds=frame.ds)
    recent = calm.groupby("unique_id").tail(30)
    recent = recent.assign(ds=[*pd.date_range("2024-07-01", periods=30)] * 2)
    ahead = model.forecast(recent, horizon=3 * HORIZON)
    assert ahead.filter(like="p-").columns.tolist() == [
        *("p-False", "p-True", "p-calm", "p-rain", "p-storm")
    ]
    np.testing.assert_allclose(ahead.filter(like="p-").sum(axis=1), 1)


def test_two_futures_stand_side_by_side():
    frame = table()
    settings = config(data={"future": ["x"]}, training={"epochs": 2})
    model = forecast.train(settings, frame)
    days = pd.date_range(frame.ds.max(), periods=HORIZON + 1)[1:]
    calm, wild = (pd.DataFrame({"ds": days, "x": value}) for value in (0.0, 2.0))
    found = two_futures(model, calm, wild, None, None, None)
    other = model.forecast(future=wild)
    assert (found.compared == other.forecast).all()
    for name in ("p-calm", "p-rain", "p-storm"):
        np.testing.assert_array_equal(found[f"compared-{name}"], other[name])
    assert "difference" not in found


def test_a_service_answers_with_labels(run):
    pytest.importorskip("fastapi")
    from tests.serve.helpers import ask, service_of

    folder, model, frame = run
    history = frame.drop(columns="x").to_csv(index=False)
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    with service_of(folder) as service:
        (answer,) = ask(service, {"content": history, "headers": headers})
    assert answer.status_code == 200
    first = answer.text.splitlines()
    assert first[0] == "unique_id,ds,target,forecast,p-False,p-True,p-calm,p-rain,p-storm"
    assert len(first) == 1 + len(model.forecast())


def test_a_study_compares_the_log_loss_of_validation():
    pytest.importorskip("optuna")
    from forecast.tuning.objective import basis_of, trial
    from tests.test_experiment import trained

    frame, settings = table(), config(training={"epochs": 2})
    basis = basis_of(settings, read_panel(settings.data, frame))
    assert basis.metric == "log_loss"
    reported, scored = trained(trial(settings, basis))
    best = min(each.score for each in reported if each is not None)
    assert scored.score == pytest.approx(best)
    assert 0 < scored.score < 3


def test_the_pictures_show_the_numbers():
    counts = np.array([[5, 1, 0], [2, 7, 1], [0, 0, 9], [1, 0, 0]])
    figure = label_plots.confusion_matrix(counts, ["a", "b", "c"], "state")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == [*map(str, counts.ravel())]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["a", "b", "c", label_plots.NEVER_SEEN]
    assert (
        len(label_plots.confusion_matrix(counts[[0, 1, 2, 2]] * 0, ["a", "b", "c"], "s").axes) == 1
    )
    curve = label_plots.reliability_curve([(3, 0.45, 0.5), (9, 0.95, 0.9)])
    promised, found = curve.axes[0].lines
    assert promised.get_xydata().tolist() == [[0, 0], [100, 100]]
    np.testing.assert_allclose(found.get_xydata(), [[45, 50], [95, 90]])
    steps = {"lstm": np.array([0.5, 0.25]), "last_label": np.array([0.4, 0.3])}
    lines = label_plots.accuracy_by_step(steps, "lstm").axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), [50, 25])


def test_many_classes_are_drawn_without_numbers():
    classes = [f"class {number}" for number in range(60)]
    counts = np.eye(61, 60, dtype=np.int64)
    axes = label_plots.confusion_matrix(counts, classes, "state").axes[0]
    assert not axes.texts
    assert len(axes.get_xticks()) == 30
    assert LabelSums.empty((60,), 1).confusion.shape == (1, 61, 60)
