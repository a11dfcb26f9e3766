"""Every open file of Python is a table, read as often as needed; the caller's stays open."""

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from tests.helpers import refusal
from tests.tables.helpers import write

ROWS = [f"2024-01-{day:02},{day * 1.5}" for day in range(1, 29)]
TEXT = "\n".join(["ds,y", *ROWS, ""]).encode()
PARQUET = io.BytesIO()
pd.DataFrame({"ds": [row[:10] for row in ROWS], "y": np.arange(1, 29) * 1.5}).to_parquet(PARQUET)


SMALL = {
    "window": {"lookback": 4, "horizon": 2},
    "split": {"validation": 4, "test": 4},
    "model": {"hidden_size": 2},
    "training": {"epochs": 1, "learning_rate": 0.01},
}


class OnceOnly(io.RawIOBase):
    """Bytes that come but once, as those of a request."""

    def __init__(self):
        self.content = TEXT

    def read(self, size=-1):
        del size
        content, self.content = self.content, b""
        return content


@pytest.mark.parametrize(
    "form", ["open", "text", "gzip", "packed", "memory", "StringIO", "Parquet", "once"]
)
def test_an_open_file_is_a_table_everywhere(tmp_path, form):
    path, packed = (
        Path(write(tmp_path, TEXT)),
        Path(write(tmp_path, gzip.compress(TEXT), "t.csv.gz")),
    )
    forms = {
        "open": lambda: path.open("rb"),
        "text": path.open,
        "gzip": lambda: gzip.GzipFile(packed),
        "packed": lambda: packed.open("rb"),
        "memory": lambda: io.BytesIO(TEXT),
        "StringIO": lambda: io.StringIO(TEXT.decode()),
        "Parquet": lambda: io.BytesIO(PARQUET.getvalue()),
        "once": OnceOnly,
    }
    with forms[form]() as file:
        assert read_panel(DataConfig(path="-"), file).values[-1] == 42
    with forms[form]() as file:
        assert len(forecast.quick(file, horizon=3, partners=[], folds=0).forecast) == 3
        assert not file.closed
    with forms[form]() as file:  # looked at, then read
        model = forecast.train({**SMALL, "data": {"minimum": 0}}, file)
        assert model.tail.axis.text(27) == "2024-01-28"
    with forms[form]() as file:
        assert len(forecast.backtest(SMALL, data=file, folds=2, refit=True).forecasts) == 4


def test_what_cannot_be_read_from_an_open_file_is_refused(tmp_path):
    closed = io.BytesIO(TEXT)
    closed.close()
    again = "; open the file anew, to be read"
    assert refusal(forecast.quick, closed) == f"data: I/O operation on closed file{again}"
    with (tmp_path / "w.csv").open("w") as written:
        assert refusal(forecast.quick, written) == f"{written.name}: not readable{again}"
    wrong = SimpleNamespace(read=lambda: None)
    says = "data: read() gives a NoneType; give what gives bytes"
    assert refusal(forecast.quick, wrong) == says


def test_a_column_called_read_makes_no_open_file():
    frame = pd.DataFrame({"ds": range(9), "read": np.arange(9.0)})
    assert forecast.quick(frame, horizon=1, partners=[]).forecast.target.tolist() == ["read"]


class Named:
    """What has a path."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_whatever_has_a_path_names_a_file(tmp_path):
    path = Named(write(tmp_path, TEXT))
    assert len(forecast.quick(path, horizon=3, partners=[], folds=0).forecast) == 3
