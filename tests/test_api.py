"""The functions for Python users: any configuration, DataFrames in and out."""

from __future__ import annotations

import html
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast import api
from forecast.config.training import TrainingConfig
from forecast.config.tree import Config, config_from
from forecast.given import plain_arguments_checked
from tests.helpers import refusal, wave_table

TABLE = wave_table(50, "2021-03-01", "D", period=7, level=30, noise=0.5, seed=4)
SECTIONS = {
    "window": {"lookback": 7, "horizon": 3},
    "split": {"validation": 6, "test": 8},
    "model": {"hidden_size": 4},
    "training": {"epochs": 2, "learning_rate": 0.01},
    "intervals": {"levels": [80]},
}


pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def files(tmp_path):
    """A CSV and a configuration in a folder."""
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    values = {"data": {"path": str(tmp_path / "table.csv")}, **SECTIONS}
    (tmp_path / "config.yaml").write_text(json.dumps(values))
    return tmp_path


@pytest.fixture(scope="module")
def model():
    return forecast.train(SECTIONS, TABLE)


def test_mapping_and_frame_in_frame_out(model):
    table = model.forecast()
    assert list(table.columns) == ["ds", "target", "forecast", "lo-80", "hi-80"]
    assert list(table.ds) == list(pd.date_range("2021-04-20", periods=3, freq="D"))
    assert {"lstm", "seasonal_naive", "linear_model"} < set(model.summary["metrics"])
    newer = pd.concat([TABLE, TABLE.assign(ds=TABLE.ds + pd.Timedelta(days=50))])
    assert model.forecast(newer, horizon=1).ds.tolist() == [pd.Timestamp("2021-06-09")]


def test_every_form_of_a_configuration_trains_the_same_model(files):
    path = files / "config.yaml"
    mapping = {"data": {"path": str(files / "table.csv")}, **SECTIONS}
    forms = [path, str(path), mapping, config_from(mapping)]
    tables = [forecast.train(form).forecast() for form in forms]
    tables.append(forecast.train(path, TABLE).forecast())
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-12)


def test_a_run_folder_is_written_and_loads(files):
    model = forecast.train(files / "config.yaml", run=files / "run")
    assert (files / "run" / "summary.json").exists()
    for where in (files / "run", str(files / "run"), files / "run" / "model.safetensors"):
        loaded = forecast.load(where)
        pd.testing.assert_frame_equal(loaded.forecast(), model.forecast())
        assert loaded.summary == model.summary
        assert loaded.config == model.config


def test_a_run_is_never_overwritten_unasked(files):
    forecast.train(files / "config.yaml", run=str(files / "run"))
    before = (files / "run" / "model.safetensors").read_bytes()
    with pytest.raises(forecast.ConfigError, match="holds a finished run"):
        forecast.train(files / "config.yaml", run=files / "run")
    assert (files / "run" / "model.safetensors").read_bytes() == before
    values = {**json.loads((files / "config.yaml").read_text()), "seed": 1}
    forecast.train(values, run=files / "run", force=True)
    assert (files / "run" / "model.safetensors").read_bytes() != before


def test_what_cannot_be_trained_leaves_no_folder(files):
    with pytest.raises(forecast.DataError, match="constant"):
        forecast.train(SECTIONS, TABLE.assign(y=1.0), run=files / "run")
    assert not (files / "run").exists()


def test_the_log_of_a_run_holds_what_the_logger_lets_through(files, caplog):
    forecast.train(files / "config.yaml", run=files / "quiet")
    assert (files / "quiet" / "log.txt").read_text() == ""
    caplog.set_level(logging.INFO, "forecast")
    forecast.train(files / "config.yaml", run=files / "told")
    assert "stopped: 2 epochs are done" in (files / "told" / "log.txt").read_text()


def test_backtest_takes_the_same_forms_and_runs(files):
    values = {"data": {"path": str(files / "table.csv")}, **SECTIONS}
    found = forecast.backtest(values, folds=2)
    assert isinstance(found, forecast.Backtest)
    assert found.forecasts.fold.tolist() == [1] * 3 + [2] * 3
    for same in (files / "config.yaml", str(files / "config.yaml"), config_from(values)):
        pd.testing.assert_frame_equal(forecast.backtest(same, folds=2).scores, found.scores)
    pd.testing.assert_frame_equal(
        forecast.backtest(SECTIONS, folds=2, data=TABLE).scores, found.scores
    )
    model = forecast.train(files / "config.yaml", run=files / "run")
    of_run = forecast.backtest(files / "run", folds=6, step=1).summary
    trained = model.summary["metrics"]["lstm"]["MAE"]
    assert of_run["metrics"]["lstm"]["MAE"] == pytest.approx(trained)


def test_lr_find_takes_the_same_forms(files):
    values = {**SECTIONS, "training": {"lr_range": {"seeds": 1, "steps": 40, "rule": "valley"}}}
    found = forecast.lr_find(values, TABLE)
    assert found.rates.keys() == {"half_divergence", "steepest", "valley", "minimum_tenth"}
    assert found.rate == found.rates["valley"]
    path = {**values, "data": {"path": str(files / "table.csv")}}
    assert forecast.lr_find(path).rates == found.rates


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SECTIONS, r"configuration: data: is missing"),
        ({**SECTIONS, "data": {"target": "y"}}, r"configuration: data.path: is missing"),
        ({**SECTIONS, "data": {"path": "no.csv"}}, r"no.csv: no such file"),
        ({**SECTIONS, "modle": {}}, r"configuration: modle: unknown key; did you mean 'model'"),
        ("nowhere.yaml", r"nowhere.yaml: No such file"),
        (Path("nowhere.yaml"), r"nowhere.yaml: No such file"),
    ],
)
def test_user_errors_are_one_line_and_of_one_kind(config, message):
    with pytest.raises(forecast.ForecastError, match=message) as error:
        forecast.train(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 3}, r"configuration: sed: unknown key; did you mean 'seed'\?"),
        ({"seed": "x"}, r"configuration: seed: 'x' is not allowed"),
        ({"window": {"lookback": -7}}, r"configuration: window.lookback: -7 is not allowed"),
        ({"training": TrainingConfig().model_copy(update={"epoch": 1})}, "did you mean 'epochs'"),
    ],
)
def test_a_changed_configuration_is_checked_anew(change, message):
    config = config_from({"data": {"path": "data", "target": "y"}, **SECTIONS})
    with pytest.raises(forecast.ConfigError, match=message):
        forecast.train(config.model_copy(update=change), TABLE)


def test_a_copy_may_be_changed_by_plain_mappings():
    config = config_from({"data": {"path": "data", "target": "y"}, **SECTIONS})
    training = {"epochs": 1, "learning_rate": 0.02}
    model = forecast.train(config.model_copy(update={"training": training}), TABLE)
    assert model.config.training == TrainingConfig(epochs=1, learning_rate=0.02)


@pytest.mark.parametrize("data", [None, "y.csv", ["y"]])
def test_a_data_section_that_is_none_is_an_error_of_the_configuration(data):
    with pytest.raises(forecast.ConfigError, match=r"configuration: data: "):
        forecast.train({**SECTIONS, "data": data}, TABLE)


def test_the_callers_random_states_are_left_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    sweep = {"seeds": 1, "steps": 40, "rule": "steepest"}
    training = {"epochs": 2, "learning_rate": "auto", "lr_range": sweep}
    network = {"dropout": 0.3, "num_layers": 2}
    model = forecast.train({**SECTIONS, "model": network, "training": training}, TABLE)
    model.forecast()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()


def test_the_callers_configuration_and_frame_are_left_alone():
    table, sections = TABLE.copy(), json.loads(json.dumps(SECTIONS))
    forecast.train(sections, table)
    assert sections == SECTIONS
    pd.testing.assert_frame_equal(table, TABLE)


def test_public_names_are_there_and_no_others():
    assert set(forecast.__all__) <= set(dir(forecast))
    assert forecast.train is api.train
    assert forecast.Config is Config
    with pytest.raises(AttributeError, match="module 'forecast' has no attribute 'trian'"):
        forecast.trian  # noqa: B018


def test_a_table_alone_is_trained_by_a_proposal(monkeypatch):
    monkeypatch.setattr(api, "fitted", lambda *_: mock.Mock(changes={"epochs": 1, "ensemble": 1}))
    series = TABLE.set_index("ds")["y"]
    model = forecast.train(series)
    assert model.config.data.path == "data"
    assert list(model.forecast().columns[:3]) == ["ds", "target", "forecast"]
    columns = forecast.train(data={"ds": TABLE.ds.to_numpy(), "y": TABLE.y.to_numpy()})
    pd.testing.assert_frame_equal(columns.forecast(), model.forecast())
    assert forecast.train({"ds": [*TABLE.ds], "y": [*TABLE.y]}).config == model.config


def test_a_proposal_is_a_configuration_of_the_wanted_columns(files):
    table = TABLE.assign(sold=TABLE.y + 1, price=1.0 + TABLE.index % 5)
    config = forecast.propose(table, horizon=4, target="sold", future=["price"], minutes=1.0)
    assert isinstance(config, Config)
    assert (config.window.horizon, config.data.target) == (4, ("sold",))
    assert [column.name for column in config.data.future] == ["price"]
    from_file = forecast.propose(files / "table.csv")
    assert from_file.data.path == str(files / "table.csv")


def test_what_cannot_be_trained_on_is_refused():
    assert refusal(forecast.train) == "nothing to train on; give a table, or a configuration"
    two = "two tables are given; the configuration comes first, then the table"
    assert refusal(forecast.train, TABLE, TABLE) == two
    for minutes in (0.0, math.inf):
        said = refusal(forecast.propose, TABLE, minutes=minutes)
        assert said == f"minutes {minutes:g} is not allowed; give a time above 0, e.g. 5"
    for propose_or_quick in (forecast.propose, forecast.quick):
        assert refusal(propose_or_quick, TABLE, season=99).startswith("season=99 is not allowed")
    assert "transform: unknown key" in refusal(forecast.train, {"transform": ["log"]}, TABLE)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("horizon", "12", "a whole number"),
        ("season", True, "a whole number"),
        ("time", 0, "a text"),
        ("time", None, ""),
        ("id", [1], "a name or a list of names"),
        ("target", {"y"}, "a name or a list of names"),
        ("partners", "theta", "a list of names"),
        ("frequency", 1.5, "a text or a whole number"),
        ("minutes", "5", "a number"),
        ("labels", "no", "True or False"),
        ("run", None, "a path"),
        ("data", 3, ""),
    ],
)
def test_plain_arguments_of_another_type_are_refused_in_one_line(name, value, remedy):
    @plain_arguments_checked
    def given(
        data: object = None,
        horizon: int | None = None,
        season: int | None = None,
        time: str | None = None,
        id: str | Sequence[str] | None = None,
        target: str | Sequence[str] | None = None,
        partners: Sequence[str] | None = None,
        frequency: str | int | None = None,
        minutes: float = 5.0,
        labels: bool = False,
        run: Path | str = "",
    ) -> str:
        return "all is well"

    assert given(horizon=np.int64(3), id=["a", "b"], minutes=5, run=Path("a")) == "all is well"
    if not remedy:
        assert given(**{name: value}) == "all is well"
        return
    message = refusal(given, **{name: value}, error=forecast.ConfigError)
    assert message.startswith(f"{name} ")
    assert message.endswith(f" is not allowed; give {remedy}")


def test_functions_refuse_arguments_of_another_type(unchecked_shapes):
    for function in (forecast.quick, forecast.propose):
        message = refusal(function, pd.DataFrame({"y": [1.0]}), 12, 12, error=forecast.ConfigError)
        assert message == "time 12 is not allowed; give a text"
    assert refusal(forecast.load, 3, error=forecast.ConfigError).startswith("run 3 ")
    message = refusal(forecast.read_config, {"seed": 1}, error=forecast.ConfigError)
    assert message == "{'seed': 1} is no path; give a text or a Path"
    for level, named in (("80", "'80'"), ([80, None], "null"), (120, "120")):
        message = refusal(forecast.quick, TABLE, level=level, error=forecast.ConfigError)
        assert message.startswith(f"level {named} is not allowed; give percent from ")
    assert refusal(forecast.quick, TABLE, partners="theta").startswith("partners 'theta' ")


def test_remedies_name_the_arguments_of_the_function(files, monkeypatch):
    monkeypatch.chdir(files)
    forecast.train(SECTIONS, TABLE, files / "run")
    forecast.report(files / "run")
    instead = "give another folder with run, or replace it with force=True"
    for call, says in (
        (lambda: forecast.train(SECTIONS, TABLE, "run"), f"run holds a finished run; {instead}"),
        (
            lambda: forecast.report("run"),
            "run/report.html exists; give another output, or force=True",
        ),
        (
            lambda: forecast.tune(SECTIONS, TABLE, 1, folder="run"),
            "run is not empty and holds no study; give another folder",
        ),
        (
            lambda: forecast.train("table.csv"),
            "table.csv is a table, no configuration; forecast.propose('table.csv') proposes one",
        ),
        (
            lambda: forecast.quick(TABLE.assign(y=TABLE.y > 30)),
            "data: 'y' is a label, which only a training learns; propose one with forecast.propose",
        ),
        (
            lambda: forecast.quick(TABLE, id="ds"),
            "id: column 'ds' is in time already; give it one role",
        ),
        (
            lambda: forecast.propose(TABLE, past=["ds"]),
            "past: column 'ds' is in time already; give it one role",
        ),
        (
            lambda: forecast.quick(TABLE.assign(z=TABLE.ds), target="z"),
            "data row 0: column 'z' holds '2021-03-01 00:00:00', not a number; mend the cell, or"
            " leave it empty",
        ),
    ):
        assert refusal(call) == says


def test_an_argument_that_no_function_has_is_told_with_its_name():
    told = r"^quick\(\) got an unexpected keyword argument 'freq'; did you mean 'frequency'\?$"
    with pytest.raises(TypeError, match=told):
        forecast.quick(TABLE, freq="D")
    told = "'horizon'; known: config, data, run, force, quiet"
    with pytest.raises(TypeError, match=told):
        forecast.train(TABLE, horizon=3)


def test_a_configuration_may_hold_values_of_numpy_and_pandas():
    parts = {"validation": pd.Timestamp("2021-04-01"), "test": TABLE.ds.to_numpy()[42]}
    training = {"epochs": np.int64(1), "learning_rate": np.float32(0.01)}
    levels = {"levels": np.array([80])}
    values = {**SECTIONS, "seed": np.int64(3), "split": parts, "training": training}
    config = forecast.train({**values, "intervals": levels}, TABLE).config
    assert (config.seed, config.intervals.levels) == (3, (80,))
    assert config.split.validation == "2021-04-01 00:00:00"
    changed = config.model_copy(update={"seed": np.int64(4)})
    assert forecast.train(changed, TABLE).config.seed == 4


def test_integer_ids_stay_integers_through_a_file_and_in_newer_tables(tmp_path):
    panel = pd.concat([TABLE.assign(unique_id=number) for number in (3, 1)])
    model = forecast.train(SECTIONS, panel)
    model.save(tmp_path / "m.safetensors")
    for each in (model, forecast.load(tmp_path / "m.safetensors")):
        table = each.forecast()
        assert set(table.merge(panel, on=["unique_id", "ds"], how="outer").unique_id) == {1, 3}
    for kind in (object, float):  # as rows of dictionaries have them, and a join with blanks
        newer = panel.astype({"unique_id": kind})
        assert len(model.forecast(newer).merge(newer, on="unique_id")) == 3 * len(newer)
    as_text = panel.assign(unique_id=panel.unique_id.astype(str))
    assert model.forecast(as_text).unique_id.unique().tolist() == ["3", "1"]
    folds = forecast.backtest(SECTIONS, data=panel, folds=1).forecasts
    assert folds.merge(panel, on=["unique_id", "ds"]).unique_id.unique().tolist() == [3, 1]


def test_results_show_themselves_in_a_few_lines_and_are_compared_by_identity(model, tmp_path):
    quick = forecast.quick(TABLE, partners=(), folds=1)
    found, folds = forecast.lr_find(SECTIONS, TABLE), forecast.backtest(SECTIONS, data=TABLE)
    for each in (model, quick, found, folds):
        assert len(repr(each).splitlines()) <= 5
        assert len(repr(each)) < 1000
        assert each in [each]
        assert {each: 1}[each] == 1
    model.save(tmp_path / "m.safetensors")
    loaded = forecast.load(tmp_path / "m.safetensors")
    assert model != loaded
    assert repr(model).splitlines()[0] == "TrainedModel of y, 3 steps ahead"
    for each in (model, quick, folds, loaded):
        page = each._repr_html_()
        assert page.startswith(f"<pre>{html.escape(repr(each))}</pre><img ")


def test_figures_of_a_model(model, tmp_path):
    (axes,) = model.plot(horizon=5).axes
    assert len(axes.get_lines()[-1].get_xdata()) == 6  # from the last value on
    (axes,) = model.plot_test().axes
    assert len(axes.get_lines()) == 1 + 2  # the truth, and as many windows as 8 rows hold
    newer = model.plot(data=TABLE.iloc[:30], level=[])
    assert newer.axes[0].get_lines()[-1].get_xdata()[0] == np.datetime64("2021-03-30")
    model.save(tmp_path / "m.safetensors")
    loaded = forecast.load(tmp_path / "m.safetensors")
    assert loaded.plot().axes
    message = "a model that was loaded has no test part any more; forecast report draws it"
    assert refusal(loaded.plot_test) == message
