"""`forecast export` writes one file, whole, and nothing else."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest

from forecast.export.session import session_of
from forecast.forecasting.model_file import load
from tests.cli.helpers import names_in

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # torch.onnx and its helpers warn of themselves
    pytest.mark.usefixtures("unchecked_shapes"),
]


def test_a_run_is_exported_and_in_8_bits_it_says_what_they_cost(run, call, refuse, tmp_path):
    path = tmp_path / "small.onnx"
    code, out, _ = call("export", run, "--int8", "--output", path, "--json", "--quiet")
    result = json.loads(out)
    assert (code, result["output"], result["bytes"]) == (0, str(path), path.stat().st_size)
    assert names_in(tmp_path) == {"small.onnx"}
    kinds = {each.data_type for each in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    (before,), (after,) = (each.values() for each in result["validation_mae"].values())
    assert before > 0
    assert after == pytest.approx(before, rel=0.2)
    trained = load(run)
    history = trained.tail.values[None]
    values = session_of(path.read_bytes()).run(["forecast"], {"history": history})[0]
    wanted = trained.forecast(level=[])["forecast"]
    assert np.abs(values.ravel() / wanted - 1).max() < 0.05
    assert refuse(2, "export", run, "--output", path) == (
        f"{path} exists; give another --output, or --force"
    )


def test_no_file_of_a_run_is_replaced_by_an_export(run, refuse):
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    for name in ("config.yaml", "model.safetensors"):
        message = refuse(2, "export", run, "--output", run / name, "--force")
        assert message == f"{run / name} is a file of the run; give another --output"
    table = run.parent / "table.csv"
    message = refuse(2, "export", run, "--output", table, "--force")
    assert message.endswith("is the training table; give another --output")
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before
    assert len(pd.read_csv(table))
