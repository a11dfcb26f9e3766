"""The column of times among others: integers that are dates, and dates that tick evenly."""

import numpy as np
import pandas as pd
import pytest

from forecast.init.extent import has_years, what_is_filled
from forecast.init.time_column import integer_format, time_column
from tests.data.helpers import read_frame
from tests.helpers import refusal
from tests.proposed import read_unconfigured

HOURS = pd.date_range("2024-01-01", periods=96, freq="h")
DAYS = pd.date_range("2024-01-01", periods=96)
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"date": HOURS.normalize(), "ts": HOURS}, "ts"),
        ({"date": DAYS + pd.to_timedelta(RANDOM.integers(0, 9, 96), "D"), "ts": HOURS}, "ts"),
        ({"created": DAYS + pd.to_timedelta(RANDOM.integers(0, 86400, 96), "s"), "d": DAYS}, "d"),
        ({"born": ["1980-02-03", "1990-05-07"] * 48, "ds": DAYS}, "ds"),
        ({"ds": DAYS, "day": DAYS}, "ds"),
        ({"year": np.arange(1900, 1996)}, "year"),
        ({"month": DAYS.strftime("%Y%m%d").astype(int), "hour": range(96)}, "month"),
        (
            {"quarter": pd.period_range("2000Q1", periods=96, freq="Q").strftime("%Y-Q%q")},
            "quarter",
        ),
        ({"when": pd.date_range("2000-01-01", periods=96, freq="MS").strftime("%b %Y")}, "when"),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_the_finest_column_that_ticks_evenly(columns, expected, as_text):
    frame = pd.DataFrame(columns).assign(y=RANDOM.normal(size=96))
    if as_text:
        dates = frame.select_dtypes("datetime").columns
        frame[dates] = frame[dates].astype(str)
    assert time_column(frame, "data", None) == expected


def test_integers_are_times_by_their_name_and_digits():
    months = pd.date_range("2015-01-01", periods=48, freq="MS")
    codes = months.strftime("%Y%m").astype(int)
    assert integer_format(pd.Series(codes, name="month")) == "%Y%m"
    assert integer_format(pd.Series(codes, name="sales")) is None
    assert integer_format(pd.Series(range(48), name="month")) is None
    found = read_unconfigured(pd.DataFrame({"month": codes, "y": np.arange(48.0) ** 1.5}))
    assert found.panel.axis.frequency == "MS"
    assert found.marks["time_format"] == "%Y%m"


def test_days_of_a_spreadsheet():
    """By the rule of spreadsheets that a day is 1, and 1 January 2021 the 44197th."""
    for dates in (
        pd.date_range("2021-01-01", periods=40, freq="MS"),
        pd.bdate_range("2021-01-01", periods=40),
        pd.date_range("2021-01-01 05:00", periods=40, freq="h"),
    ):
        serials = 44197 + (dates - pd.Timestamp("2021-01-01")) / pd.Timedelta(days=1)
        if (serials % 1 == 0).all():
            serials = serials.astype(int)
        frame = pd.DataFrame({"Date": serials, "y": np.arange(40.0) ** 1.5})
        found = read_unconfigured(frame)
        assert found.marks == {"time_format": "excel"}
        assert found.panel.axis.dates(np.arange(40)).equals(dates.rename(None).as_unit("ns"))
    counts = pd.Series(range(44197, 44237), name="visits_per_day")
    assert integer_format(counts) is None


def test_whole_numbers_with_a_point_are_times_as_well():
    seconds = pd.date_range("2024-01-01", periods=40, freq="h").as_unit("s").astype("int64") / 1.0
    found = read_unconfigured(pd.DataFrame({"ts": seconds, "y": np.arange(40.0) ** 1.5}))
    assert (found.marks, found.panel.axis.frequency) == ({"time_format": "unix_s"}, "h")


def test_seconds_at_local_midnights_need_their_zone():
    days = pd.date_range("2024-03-01", periods=60, tz="Europe/Berlin")
    frame = pd.DataFrame({"ts": [day.value // 10**9 for day in days], "y": np.arange(60.0)})
    found = read_unconfigured(frame, timezone="Europe/Berlin")
    assert found.panel.axis.frequency == "D"
    assert not np.isnan(found.panel.values).any()


def test_two_years_of_days_and_hours():
    for start, rows, frequency, expected in (
        ("2020-01-01", 740, "D", True),
        ("2020-01-01", 700, "D", False),
        ("2020-01-01", 24 * 740, "h", True),
        ("2020-01-01", 120, "MS", False),
    ):
        dates = pd.date_range(start, periods=rows, freq=frequency)
        panel = read_frame(pd.DataFrame({"ds": dates, "y": 1.0}), frequency=frequency)
        assert has_years(panel) is expected
    assert not has_years(read_frame(pd.DataFrame({"ds": range(9), "y": 1.0})))


def test_what_straight_lines_stand_for():
    frame = pd.DataFrame({"ds": DAYS, "y": 1.0}).drop(index=[4, 5])
    frame.loc[[9, 10, 11], "y"] = np.nan
    assert what_is_filled(read_frame(frame)).startswith(
        "  # fills 2 rows of 96 and 3 empty cells with straight lines;"
    )


def test_parts_of_the_calendar_are_not_forecast_where_something_else_is():
    """Two shops over eight years: weekday, month and so on by pandas; a swing is none."""
    days = pd.date_range("2016-01-01", periods=2922)
    swing = (9 + 5 * np.sin(2 * np.pi * days.day_of_week / 7)).astype(int)
    parts = {
        "DayOfWeek": days.day_of_week + 1,
        "from_sunday": (days.day_of_week + 1) % 7,
        "mnth": days.month,
        "week_no": days.isocalendar().week.to_numpy(np.int64),
        "yr": days.year,
        "doy": days.day_of_year,
    }
    shop = pd.DataFrame({"day": days.strftime("%d.%m.%Y"), **parts, "sold": swing, "left": 3})
    shop["left"] = np.arange(2922) % 50
    found = read_unconfigured(pd.concat([shop.assign(shop=name) for name in "ab"]))
    assert found.roles.targets == ("sold", "left")
    assert found.roles.ids == ("shop",)
    assert set(parts) <= set(found.unused)
    assert read_unconfigured(shop[["day", "DayOfWeek"]]).roles.targets == ("DayOfWeek",)


def test_the_time_again_is_not_forecast():
    """Seconds since 1970 beside dates, the end of a step, years with a fraction, and codes."""
    months = pd.date_range("2012-01-01", periods=60, freq="MS")
    seconds = months.as_unit("s").astype(np.int64)
    again = {
        "unix": seconds,
        "close": (seconds + 3600) * 1000 - 1,
        "decimal": np.round(months.year + (months.month - 0.5) / 12, 4),
        "code": months.year * 100 + months.month,
        "serial": (months - pd.Timestamp("1899-12-30")).days,
    }
    sold = np.arange(60) ** 2 % 31 + 2012
    found = read_unconfigured(pd.DataFrame({"date": months, **again, "sold": sold}))
    assert found.roles.targets == ("sold",)
    assert set(found.unused) == set(again)


@pytest.mark.parametrize("name", ["HE", "Hour Ending", "hours"])
def test_hours_by_other_names_stand_beside_a_date(name):
    hours = pd.date_range("2024-01-01 01:00", periods=480, freq="h")
    begins = hours - pd.Timedelta(hours=1)
    frame = pd.DataFrame({"Date": begins.strftime("%m/%d/%Y"), name: begins.hour + 1})
    panel = read_unconfigured(frame.assign(load=np.arange(480.0) ** 1.5)).panel
    assert (panel.num_series, panel.axis.frequency) == (1, "h")
    assert panel.axis.dates(np.array([0, 479])).equals(hours[[0, -1]])


@pytest.mark.parametrize("form", ["%b", "%B"])
def test_months_by_name_stand_beside_a_year(form):
    months = pd.date_range("2012-01-01", periods=60, freq="MS")
    frame = pd.DataFrame({"Year": months.year, "Month": months.strftime(form)})
    found = read_unconfigured(frame.assign(y=np.arange(60.0) ** 1.5))
    assert (found.panel.axis.frequency, len(found.panel.values)) == ("MS", 60)
    assert found.roles.time_parts == ("Year", "Month")


def test_a_column_named_like_times_that_are_not_read_is_named():
    frame = pd.DataFrame({"Quartal": [f"{i % 4 + 1}. Viertel {i}" for i in range(20)]})
    said = refusal(read_unconfigured, frame.assign(y=np.arange(20.0) ** 1.5))
    assert "column 'Quartal' holds '1. Viertel 0', which is not read as a date; write" in said


def test_odd_columns_by_the_name_of_times_are_refused():
    empty = pd.DataFrame({"month": [None] * 7, "k": [1, 1, 2, 2, 3, 3, 4], "sold": range(7)})
    assert refusal(read_unconfigured, empty).startswith("data row 0: column 'month' is empty")
    steps = pd.Series([*pd.interval_range(0, 7)], dtype=object)
    message = refusal(read_unconfigured, pd.DataFrame({"time": steps, "sold": range(7)}))
    assert message.startswith("data row 0: column 'time' holds '(0, 1]', which is not read as a")


def test_infinity_is_refused_without_a_warning():
    frame = pd.DataFrame({"ds": DAYS, "y": np.where(np.arange(len(DAYS)) == 3, np.inf, 1.5)})
    message = refusal(read_unconfigured, frame)
    assert message.startswith("data row 3: column 'y' holds inf, which is no finite")


def test_numbers_of_a_series_are_not_forecast():
    """Departments, and where a shop is: one value a shop each, as its only price is."""
    days = [*DAYS.strftime("%Y-%m-%d")]
    shops = [
        pd.DataFrame({"date": days, "item": f"i{n}", "dept": n // 2, "lat": 48.5 + n})
        for n in range(3)
    ]
    frame = pd.concat(shops).assign(sold=[(i * i) % 11 for i in range(288)])
    assert read_unconfigured(frame).roles.targets == ("sold",)
    assert read_unconfigured(frame.drop(columns=["sold", "dept"])).roles.targets == ("lat",)
