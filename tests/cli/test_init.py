"""`forecast config init`: what it is given reaches the configuration that it writes."""

import re

import numpy as np
import pandas as pd
import pytest

from forecast import budget
from forecast.config.tree import read_config
from forecast.estimate import Cost
from forecast.prepare import prepare
from tests.cli.helpers import TABLE


def test_what_it_writes_or_prints_passes_the_check(place, call):
    code, out, _ = call("config", "init", "table.csv")
    assert code == 0
    code, said, _ = call("config", "init", "table.csv", "--output", "new.yaml", "--horizon", "4")
    assert code == 0
    assert re.fullmatch(
        r"new.yaml: trains in at most \d+ s; now run `forecast check new.yaml`\n", said
    )
    config = read_config("new.yaml")
    assert (config.data.time, config.data.target) == ("month", ("sales",))
    assert config.window.horizon == 4
    (place / "printed.yaml").write_text(out)
    assert call("config", "init", "table.csv", "--output", "printed.yaml", "--force")[0] == 0
    assert (place / "printed.yaml").read_text()[:200] == out[:200]
    assert call("check", "new.yaml")[0] == call("check", "printed.yaml")[0] == 0


def test_it_takes_the_columns_and_the_season_it_is_given(place, call):
    long = pd.concat([TABLE.assign(shop=name, units=TABLE.sales * 2) for name in ("x", "y")])
    long.assign(sale=np.arange(len(long)) % 3).to_csv("long.csv", index=False)
    words = ["--time", "month", "--id", "shop", "--target", "units", "--target", "sales"]
    words += ["--season", "6", "--future", "sale", "--output", "long.yaml"]
    assert call("config", "init", "long.csv", *words)[0] == 0
    data = read_config("long.yaml").data
    assert (data.time, data.id, data.target) == ("month", "shop", ("units", "sales"))
    assert (data.season, data.future[0].name) == (6, "sale")


def test_it_takes_the_zone_and_the_format_it_is_given(place, call):
    hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": hours.strftime("%d/%m/%y %H:%M"), "y": np.arange(60) % 7})
    frame.to_csv("local.csv", index=False)
    words = ["--timezone", "Europe/Berlin", "--time-format", "%d/%m/%y %H:%M"]
    assert call("config", "init", "local.csv", *words, "--output", "local.yaml")[0] == 0
    data = read_config("local.yaml").data
    assert (data.time, data.timezone) == ("at", "Europe/Berlin")
    assert (data.time_format, data.frequency) == ("%d/%m/%y %H:%M", "h")


@pytest.mark.parametrize(("words", "limit"), [((), 2.0), (("--minutes", "1"), 0.4)])
def test_the_training_fits_into_the_minutes(place, call, monkeypatch, words, limit):
    """Ten epochs of 13 s each would not, twice, for all rows are trained on again."""
    monkeypatch.setattr(budget, "measured", lambda *_: Cost(12.0, 1.0, 1.0, again=1.5))
    code, out, _ = call("config", "init", "table.csv", *words)
    assert code == 0
    (place / "printed.yaml").write_text(out)
    training = read_config("printed.yaml").training
    assert training.refit
    assert training.max_minutes == pytest.approx(limit, abs=limit / 15)  # it took time to read
    windows = len(prepare(read_config("printed.yaml")).windows["train"])
    seconds = training.epochs * (1 - 12 * (-windows // training.batch_size))
    assert 0.5 * 60 * limit < seconds <= 60 * limit
    assert training.epochs < 10


def test_what_a_training_would_refuse_is_proposed_in_another_way(place, call):
    sales = np.where(np.arange(len(TABLE)) < 60, 3.0, TABLE.sales)  # none of the training rows
    TABLE.assign(sales=sales).to_csv("constant.csv", index=False)
    code, _, _ = call("config", "init", "constant.csv", "--output", "constant.yaml")
    assert code == 0
    config = read_config("constant.yaml")
    assert config.split.test == 0  # with it all training rows would be 3
    prepare(config)


def test_series_that_are_skipped_are_a_warning(place, call):
    short = TABLE.head(2).assign(shop="short")
    pd.concat([TABLE.assign(shop="long"), short]).to_csv("shops.csv", index=False)
    code, _, err = call("config", "init", "shops.csv")
    assert (code, err) == (0, "WARNING: skipped 1 series too short to train on: short\n")


def test_minutes_that_are_too_short_are_said_to_be(place, call, monkeypatch):
    slow_to_test = Cost(step=0.01, validation=0.1, evaluation=100.0)
    monkeypatch.setattr(budget, "measured", lambda *_: slow_to_test)
    words = ["config", "init", "table.csv", "--output", "new.yaml", "--minutes"]
    too_short = "(--minutes 0.5 is too short to read and test so much);"
    assert too_short in call(*words, "0.5")[1]
    assert "too short" not in call(*words, "1.8", "--force")[1]
