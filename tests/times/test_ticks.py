"""Rows that count one by one: dates that tick by no rule, against pandas and dates written out."""

import logging

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.data.future import future_rows
from forecast.forecasting.sound import require_axis
from forecast.times.axis import TimeAxis, nanoseconds
from forecast.times.ticks import continued
from tests.data.helpers import read_frame
from tests.data.test_future import PRICE
from tests.proposed import propose

FISCAL = pd.Timestamp("2020-01-25") + pd.to_timedelta(np.cumsum([0, *[28, 28, 35] * 13]), "D")
"""Ends of months of four, four and five weeks."""
DAYS = pd.bdate_range("2024-01-01", periods=30).delete([6, 17])
"""Trading days; two are holidays."""


def following(dates, count, timezone=None):
    walls = pd.DatetimeIndex(continued(nanoseconds(pd.DatetimeIndex(dates)), count))
    return [*walls.strftime("%a %d %H:%M")]


def test_times_go_on_at_known_hours_of_the_week():
    expected = pd.bdate_range(DAYS[-1], periods=301)[1:]
    ahead = continued(nanoseconds(DAYS), 300)
    np.testing.assert_array_equal(ahead, nanoseconds(expected))
    hours = pd.DatetimeIndex(
        [day + pd.Timedelta(hours=hour) for day in DAYS[:9] for hour in (9, 10, 11)]
    )
    assert following(hours[:-1], 4) == [
        "Fri 12 11:00",
        "Mon 15 09:00",
        "Mon 15 10:00",
        "Mon 15 11:00",
    ]
    assert following(FISCAL, 2) == ["Sat 20 00:00", "Sat 17 00:00"]  # four weeks each
    assert following(["2024-01-01"], 2) == ["Tue 02 00:00", "Wed 03 00:00"]


def test_rows_are_one_step_apart_and_keep_their_dates():
    frame = pd.DataFrame({"ds": DAYS, "y": np.arange(28.0)})
    panel = read_frame(frame, frequency="index")
    assert panel.values[:, 0].tolist() == frame.y.tolist()
    assert panel.axis.column(np.arange(28)).tolist() == DAYS.tolist()
    assert panel.axis.first_at_or_after("2024-01-13") == 9
    ahead = panel.tail(5).axis.dates(np.arange(29))
    assert ahead.tolist() == [*DAYS, DAYS[-1] + pd.Timedelta(days=3)]


def test_a_tail_keeps_ticks_enough_to_go_on():
    days = pd.bdate_range("2020-01-01", periods=600).delete([40])
    panel = read_frame(pd.DataFrame({"ds": days, "y": 1.0}), frequency="index")
    tail = panel.tail(5)
    assert (len(tail.axis.ticks), tail.starts.tolist()) == (500, [495])
    for positions in (np.array([494]), np.array([499, 500, 510])):
        np.testing.assert_array_equal(tail.axis.at(positions), panel.axis.at(positions + 99))


def test_the_days_of_all_series_count():
    some = pd.DataFrame({"unique_id": "a", "ds": DAYS.delete(4), "y": 1.0})
    others = pd.DataFrame({"unique_id": "b", "ds": DAYS[3:], "y": 2.0})
    panel = read_frame(pd.concat([some, others]), frequency="index")
    assert panel.starts.tolist() == [0, 3]
    assert np.flatnonzero(np.isnan(panel.values[:, 0])).tolist() == [4]


def test_dates_in_a_zone_keep_their_midnights():
    days = pd.bdate_range("2024-03-18", "2024-03-28", tz="Europe/Berlin")
    panel = read_frame(pd.DataFrame({"ds": days, "y": 1.0}), frequency="index")
    ahead = panel.axis.dates(np.arange(9, 12))  # clocks are put forward on the 31st
    assert [*ahead.strftime("%d %H:%M")] == ["29 00:00", "01 00:00", "02 00:00"]


def test_the_future_brings_its_dates():
    frame = pd.DataFrame({"ds": DAYS[:20], "y": 1.0, "price": 2.0})
    panel = read_frame(frame, frequency="index", future=("price",))
    known = pd.DataFrame({"ds": DAYS[20:23], "price": [7.0, 8, 9]})
    config = PRICE.model_copy(update={"frequency": "index"})
    history, rows = future_rows(config, panel, known, 3, 3)
    assert rows[0, :, 1].tolist() == [7, 8, 9]
    assert history.axis.dates(np.arange(20, 23)).tolist() == DAYS[20:23].tolist()


@pytest.mark.parametrize(
    ("frequency", "ticks", "origin"),
    [
        ("index", (), 0),
        ("D", (0, 1), 0),
        ("index", (0, 5, 5), 0),
        ("index", (1, 2**70), 1),
        ("index", (1, 2), 0),
    ],
)
def test_ticks_of_a_hostile_file(frequency, ticks, origin):
    with pytest.raises(ValueError, match="axis"):
        require_axis(TimeAxis(origin, frequency, None, ticks), np.array([0]), 3)


def test_from_a_table_to_a_forecast_and_back(tmp_path, caplog):
    frame = pd.DataFrame({"ds": FISCAL, "y": np.arange(len(FISCAL)) % 3 + 5.0})
    assert "frequency: index  # the days are unevenly apart" in propose(frame, horizon=3)
    config = {
        "data": {"frequency": "index"}, "split": {"validation": 6, "test": 6},
        "window": {"lookback": 6, "horizon": 2}, "training": {"epochs": 1},
        "model": {"hidden_size": 2}, "intervals": {"levels": []},
    }  # fmt: skip
    trained = forecast.train(config, data=frame)
    with caplog.at_level(logging.WARNING):
        table = trained.forecast()
    assert "dates beyond the table go on by its usual step" in caplog.text
    assert table.ds.tolist() == [FISCAL[-1] + pd.Timedelta(days=28 * n) for n in (1, 2)]
    trained.save(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(forecast.load(tmp_path / "model.safetensors").forecast(), table)
    newer = pd.DataFrame({"ds": FISCAL + pd.Timedelta(days=7), "y": frame.y})
    assert trained.forecast(newer).ds[0] == FISCAL[-1] + pd.Timedelta(days=35)
