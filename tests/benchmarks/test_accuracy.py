"""The protocols of the public benchmarks, on tables of their shape and by hand."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import forecast
from forecast.config.tree import Config, read_config
from forecast.evaluate import part_forecasts
from forecast.prepare import prepare

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "benchmarks"
sys.path.insert(0, str(ROOT / "benchmarks"))
import accuracy  # noqa: E402

ROWS, TRAIN, PART, LOOKBACK = 14_400, 8_640, 2_880, 720


@pytest.fixture(scope="module")
def etth1() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    swing = np.sin(2 * np.pi * np.arange(ROWS) / 24)
    columns = {name: 9 + (3 + k) * swing + rng.normal(0, 1, ROWS) for k, name in enumerate(names)}
    times = pd.date_range("2016-07-01", periods=ROWS, freq="h")
    return pd.DataFrame({"date": times, **columns})


def small(name: str, *more: str) -> Config:
    words = ["model.hidden_size=4", "model.embedding_size=4", "training.max_steps=1"]
    words += ["training.epochs=1", "training.precision=float32", "intervals.levels=[]"]
    return read_config(CONFIGS / f"{name}.yaml", ["device=cpu", *words, *more])


@pytest.mark.parametrize(("horizon", "longest"), [(96, 720), (192, 720), (336, 720), (720, 1440)])
def test_etth1_is_split_and_scaled_by_the_protocol(
    etth1: pd.DataFrame, horizon: int, longest: int
) -> None:
    prepared = prepare(small(f"etth1_{horizon}"), etth1)
    counts = {part: len(windows) for part, windows in prepared.windows.items()}
    assert counts == {
        "train": TRAIN - longest - horizon + 1,  # the member that looks back furthest
        "validation": PART - horizon + 1,
        "test": PART - horizon + 1,
    }
    first = prepared.windows["test"].gather(torch.tensor([0]))
    values = etth1.drop(columns="date").to_numpy()
    train = values[:TRAIN]
    scaled = (values - train.mean(axis=0)) / train.std(axis=0)
    begin = TRAIN + PART
    np.testing.assert_allclose(
        first.past[0, -LOOKBACK:], scaled[begin - LOOKBACK : begin], atol=1e-5
    )
    np.testing.assert_allclose(first.target[0], scaled[begin : begin + horizon], atol=1e-5)


def test_errors_of_etth1_are_those_of_all_test_windows_on_that_scale(etth1: pd.DataFrame) -> None:
    rows = 150  # the whole test part takes twenty times as long, and is no other protocol
    config = small("etth1_96", f"split.validation={rows}", f"split.test={rows}")
    trained = forecast.train(config, etth1)
    found = accuracy.model_scale_errors(trained, etth1, "test")
    values = etth1.drop(columns="date").to_numpy()
    deviation = values[: ROWS - 2 * rows].std(axis=0)
    errors = [
        (values[row + 1 + np.arange(96)] - each[..., 0]) / deviation
        for rows, forecasts in part_forecasts(
            trained.models, prepare(config, etth1), combination=trained.combination
        )
        for row, each in zip(rows, forecasts, strict=True)
    ]
    assert len(errors) == rows - 96 + 1
    assert found["MSE"] == pytest.approx(np.square(errors).mean(), rel=1e-4)
    assert found["MAE"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)


def test_m4_is_scored_by_the_competitions_rules(tmp_path: Path) -> None:
    table = pd.DataFrame([[5.0, 7.0, 9.0, np.nan], [1.0, 2.0, 3.0, 4.0]], index=["H1", "H2"])
    table.to_csv(tmp_path / "train.csv", index_label="V1")
    series = accuracy.read_m4(tmp_path / "train.csv")
    assert {name: values.tolist() for name, values in series.items()} == {
        "H1": [5.0, 7.0, 9.0],
        "H2": [1.0, 2.0, 3.0, 4.0],
    }
    long = accuracy.long_table(series)
    assert long.ds.tolist() == [0, 1, 2, 0, 1, 2, 3]
    known = {"a": np.tile([1.0, 2.0], 24), "b": np.arange(48.0)}
    known["a"][24:] += 4  # a seasonal difference of 4; that of b is 24
    actual = {"a": np.full(48, 10.0), "b": np.full(48, 10.0)}
    predicted = {"a": np.full(48, 30.0), "b": np.full(48, 10.0)}
    found = accuracy.owa(known, actual, predicted)
    assert found["sMAPE"] == pytest.approx((200 * 20 / 40 + 0) / 2)
    assert found["MASE"] == pytest.approx((20 / 4 + 0) / 2)
    assert found["OWA"] == pytest.approx((50 / 18.383 + 2.5 / 2.395) / 2)
