"""MLflow gets configuration, epochs, scores, files and a model without pickle, on request."""

import builtins
import json

import pandas as pd
import pytest

from forecast.cli.mlflow import mlflow
from forecast.errors import ConfigError
from forecast.runs.folder import RunFolder
from tests.cli.helpers import rows_of
from tests.training.test_watch import progress

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(tmp_path):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    from mlflow import MlflowClient

    return lambda: MlflowClient(f"file://{tmp_path}/store")


def only_run(client):
    experiment = client.get_experiment_by_name("forecast")
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def test_a_training_is_logged_whole(place, call, client):
    uri = f"file://{place}/store"
    words = ("train", "config.yaml", "--run", "run", "--mlflow", uri, "--quiet")
    code, _, err = call(*words)
    assert (code, err) == (0, "")
    client = client()
    run = only_run(client)
    assert run.info.status == "FINISHED"
    assert run.data.params["training.learning_rate"] == "0.01"
    assert run.data.params["model.hidden_size"] == "4"
    epochs = [
        json.loads(line) for line in (place / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    logged = client.get_metric_history(run.info.run_id, "0/loss/validation")
    assert [(m.step, m.value) for m in logged] == [
        (epoch["number"], epoch["validation_loss"]) for epoch in epochs
    ]
    summary = json.loads((place / "run" / "summary.json").read_text())
    assert run.data.metrics["test/MASE"] == summary["metrics"]["lstm"]["MASE"]
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"config.yaml", "forecast.csv", "learning_curve.png", "model"} <= names
    assert "resume.safetensors" not in names

    from mlflow import pyfunc

    folder = place / "store" / run.info.experiment_id / run.info.run_id / "artifacts" / "model"
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle")]
    assert "loader_module: forecast.cli.mlflow" in (folder / "MLmodel").read_text()
    model = pyfunc.load_model(str(folder))
    forecast = model.predict(pd.read_csv(place / "table.csv"))
    written = rows_of((place / "run" / "forecast.csv").read_text())
    assert forecast["forecast"].tolist() == pytest.approx([float(r["forecast"]) for r in written])


def test_a_training_that_fails_is_logged_as_such(tmp_path, client, run):
    def interrupted():
        with mlflow(f"file://{tmp_path}/store", RunFolder(run)) as record:
            record(progress(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert only_run(client()).info.status == "KILLED"


def test_a_store_that_is_lost_costs_a_warning(tmp_path, client, run, monkeypatch, caplog):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def gone(*_, **__):
        raise MlflowException("the server\nis gone")

    with mlflow(f"file://{tmp_path}/store", RunFolder(run)) as record:
        record(progress(1))
        monkeypatch.setattr(MlflowClient, "log_batch", gone)
        record(progress(2))
        record(progress(3))
    assert [record.message for record in caplog.records] == [
        "--mlflow: nothing more is logged: the server is gone"
    ]


def test_an_address_that_is_none_is_refused(tmp_path, client):
    with (
        pytest.raises(ConfigError, match="--mlflow nonsense:///x: cannot be opened"),
        mlflow("nonsense:///x", RunFolder(tmp_path)),
    ):
        pass


def test_mlflow_missing_is_said_with_the_remedy(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_mlflow(name, *arguments, **options):
        if name == "mlflow":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_mlflow)
    with (
        pytest.raises(ConfigError, match=r"pip install 'forecast-lstm\[mlflow\]'"),
        mlflow("file:///x", RunFolder(tmp_path)),
    ):
        pass
