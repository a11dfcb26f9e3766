"""The table of a run is the one it was trained on, and no other file is told of."""

import pandas as pd
import pytest

import forecast
from forecast.forecasting.training_table import training_table

TABLE = pd.DataFrame({"row": range(40), "y": [float(row % 7) for row in range(40)]})
OPTIONS = {
    "split": {"validation": 4, "test": 4},
    "window": {"lookback": 8, "horizon": 4},
    "training": {"learning_rate": 1e-3, "max_steps": 1},
}


@pytest.fixture(scope="module")
def of_a_frame():
    columns = {"time": "row", "target": "y"}
    return forecast.train({"data": columns, **OPTIONS}, TABLE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "data is not there"),
        ("row,y\n0,rosebud\n", "data cannot be read as the table of the run"),
        (TABLE.assign(y=1.0 + TABLE.y).to_csv(index=False), "data has changed since the run"),
    ],
)
def test_what_lies_under_the_name_of_a_table_in_memory(
    of_a_frame, content, told, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "data").write_text(content)
    found = training_table(of_a_frame, of_a_frame.config.data)
    assert isinstance(found, str)
    assert found.startswith(told)


def test_a_folder_of_other_files_is_not_the_table(of_a_frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "other.csv").write_text("row,y\n")
    found = training_table(of_a_frame, of_a_frame.config.data)
    assert found == "data cannot be read as the table of the run"


def test_the_same_rows_are_the_table(of_a_frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TABLE.to_csv("data", index=False)
    panel = training_table(of_a_frame, of_a_frame.config.data)
    assert panel.values[:, 0].tolist() == TABLE.y.tolist()
