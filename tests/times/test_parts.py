"""Times that are spread over columns, against dates that pandas takes apart."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.future import future_rows
from forecast.times.parts import joined_times
from tests.data.helpers import read_frame, read_text
from tests.helpers import refusal
from tests.proposed import read_unconfigured

HOURS = pd.date_range("2023-12-30", periods=80, freq="h")
DAYS = pd.date_range("2023-12-01", periods=80)
QUARTERS = pd.date_range("2000-04-01", periods=80, freq="QS")
WEEKS = pd.date_range("2020-11-02", periods=80, freq="W-MON")
MONTHS = pd.date_range("2019-03-01", periods=80, freq="MS")


def taken_apart(dates, *names):
    return pd.DataFrame({name: getattr(dates, name) for name in names})


@pytest.mark.parametrize(
    ("parts", "dates"),
    [
        (taken_apart(HOURS, "year", "month", "day", "hour"), HOURS),
        (taken_apart(DAYS, "year", "month", "day"), DAYS),
        (taken_apart(DAYS[:20], "year", "month", "day"), DAYS[:20]),  # of one year and month
        (taken_apart(MONTHS, "year", "month"), MONTHS),
        (pd.DataFrame({"date": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.hour}), HOURS),
        (pd.DataFrame({"date": HOURS.strftime("%d.%m.%Y"), "hour": HOURS.hour}), HOURS),
        (pd.DataFrame({"date": HOURS.strftime("%Y%m%d").astype(int), "hour": HOURS.hour}), HOURS),
        (
            pd.DataFrame(
                {"Datum": HOURS.strftime("%d.%m.%Y"), "Uhrzeit": HOURS.strftime("%H:%M:%S")}
            ),
            HOURS,
        ),
        (
            pd.DataFrame({"date": HOURS.strftime("%Y-%m-%d"), "time": HOURS.strftime("%H:%M")}),
            HOURS,
        ),
        (
            pd.DataFrame({"date": HOURS.strftime("%Y-%m-%d"), "at": HOURS.strftime("%I:%M %p")}),
            HOURS,
        ),
        (
            pd.DataFrame(
                {"date": HOURS.strftime("%Y%m%d").astype(int), "t": HOURS.strftime("%H:%M")}
            ),
            HOURS,
        ),
        (taken_apart(QUARTERS, "year", "quarter"), QUARTERS),
        (
            pd.DataFrame({"Jahr": QUARTERS.year, "Quartal": "Q" + QUARTERS.quarter.astype(str)}),
            QUARTERS,
        ),
        (WEEKS.isocalendar().reset_index(drop=True)[["year", "week"]], WEEKS),
        (pd.DataFrame({"YEAR": DAYS.year, "DOY": DAYS.day_of_year}), DAYS),
        (pd.DataFrame({"year": MONTHS.year, "period": MONTHS.strftime("M%m")}), MONTHS),
        (
            pd.DataFrame({"year": QUARTERS.year, "period": "Q0" + QUARTERS.quarter.astype(str)}),
            QUARTERS,
        ),
        (
            pd.DataFrame(
                {
                    name: HOURS.strftime(f"%{part}")
                    for name, part in zip(("YYYY", "MM", "DD", "hh", "mm"), "YmdHM", strict=True)
                }
            ),
            HOURS,
        ),
        *(
            (
                pd.DataFrame({"Date": HOURS.strftime("%d/%m/%Y"), "Time": HOURS.strftime(clock)}),
                HOURS,
            )
            for clock in ("%H.%M.%S", "%I %p", "%H%M")
        ),
        (
            pd.DataFrame(
                {
                    "Date": HOURS.strftime("%d-%m-%Y"),
                    "Hours": [f"{hour:02}\xa0-\xa0{hour + 1:02}" for hour in HOURS.hour],
                }
            ),
            HOURS,
        ),
        (
            pd.DataFrame(
                {
                    "date": HOURS.strftime("%Y-%m-%d"),
                    "at": [f"{hour}:00-{hour + 1}:00" for hour in HOURS.hour],
                }
            ),
            HOURS,
        ),
    ],
)
def test_parts_that_are_found_are_the_time(tmp_path, parts, dates):
    table = parts.assign(y=np.arange(len(parts)) ** 1.5)
    path = tmp_path / "data.csv"
    table.to_csv(path, index=False)
    for given in (table, str(path)):
        found = read_unconfigured(given)
        assert found.roles.time_parts == tuple(parts)
        panel = found.panel
        assert panel.axis.dates(np.arange(len(panel.values))).equals(dates.rename(None))
        assert found.unused == ()


def test_a_clock_that_makes_no_even_times_is_no_part():
    """Sunrise beside the days of two towns."""
    minutes = pd.to_timedelta(np.random.default_rng(0).integers(300, 360, 160), unit="min")
    sunrise = (pd.Timestamp("2024-01-01") + minutes).strftime("%H:%M")
    days = pd.DataFrame({"date": [*DAYS, *DAYS], "sunrise": sunrise, "y": np.arange(160.0) ** 1.5})
    found = read_unconfigured(days.assign(town=["a"] * 80 + ["b"] * 80))
    assert (found.roles.time, found.roles.ids, found.roles.time_parts) == ("date", ("town",), ())


@pytest.mark.parametrize(
    ("time", "part", "cells"),
    [
        ("Year", "Period", range(1, 14)),
        ("Year", "FiscalPeriod", [f"P{number:02}" for number in range(1, 13)]),
        ("Year", "period", [f"M{number:02}" for number in range(1, 14)]),  # with a year's mean
        ("Date", "Settlement Period", range(1, 49)),
        ("Date", "Hour", range(1, 26)),
    ],
)
def test_a_column_that_goes_on_with_the_time_names_no_series(time, part, cells):
    times = {"Year": range(2000, 2020), "Date": DAYS[:20].strftime("%Y-%m-%d")}[time]
    rows = [(time, cell) for time in times for cell in cells]
    frame = pd.DataFrame(rows, columns=[time, part]).assign(y=np.arange(len(rows)) ** 1.5)
    said = refusal(read_unconfigured, frame)
    assert f"columns '{time}' and '{part}' seem to make up the time together; write both" in said
    assert read_unconfigured(frame, ids=[part]).panel.num_series == len(cells)


def test_empty_rows_at_the_end_are_no_duplicates(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(
        "ds,y\n" + "".join(f"{d:%Y-%m-%d},{i**1.5}\n" for i, d in enumerate(DAYS)) + ",\n" * 3
    )
    found = read_unconfigured(str(path))
    assert found.marks == {}
    assert len(found.panel.values) == 80


def test_parts_as_they_come():
    for cells, expected in (
        ({"y": ["2024", "2024.0"], "m": ["1", "12.0"]}, ["2024-01", "2024-12"]),
        ({"y": [2024, 2024], "quarter": [1, 4]}, ["2024-Q1", "2024-Q4"]),
        ({"y": [2024, 2024], "week": [1, 52]}, ["2024-W01", "2024-W52"]),
        ({"d": pd.to_datetime(["2024-01-31", "2024-02-01"]), "hour": [0, 24]},
         ["2024-01-31 00:00", "2024-02-01 24:00"]),
        ({"d": ["2024-01-31", ""], "h": ["1", "2"], "m": ["5", "6"]}, ["2024-01-31 01:05", ""]),
    ):  # fmt: skip
        assert joined_times(pd.DataFrame(cells)).tolist() == expected


def test_a_table_and_its_future_have_the_same_parts(tmp_path):
    options = {"time_parts": ("year", "month"), "future": ("price",)}
    table = taken_apart(MONTHS, "year", "month").assign(y=1.0, price=np.arange(80.0))
    history = read_frame(table[:70], **options)
    assert history.axis.frequency == "MS"
    data = DataConfig(path="-", **options)
    _, rows = future_rows(data, history, table[70:].drop(columns="y"), 5, 5)
    assert rows[0, :, 1].tolist() == [70, 71, 72, 73, 74]
    text = "year,month,y\n2024,1,1\n2024,2,2\n2024,,3\n"
    message = refusal(read_text, tmp_path, text, time_parts=("year", "month"))
    assert message.endswith(
        ":4: column 'ds' is empty; every row needs its time; give it one, or delete the row"
    )


def test_a_finer_column_of_dates_counts():
    frame = taken_apart(HOURS, "year", "month").assign(ts=HOURS, y=np.arange(80.0) ** 1.5)
    found = read_unconfigured(frame)
    assert (found.roles.time, found.roles.time_parts) == ("ts", ())
    assert read_panel(found.data, frame).axis.frequency == "h"
