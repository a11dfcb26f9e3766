"""Special days: public holidays and terms as shares of each step, known ahead, kept by a model."""

import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.config.days import Holidays, holiday_place
from forecast.config.tree import Config, config_from
from forecast.data import special_days as module
from forecast.data.special_days import SpecialDays, share_of_days, special_days
from forecast.errors import ConfigError, DataError
from forecast.forecasting.model_file import load
from forecast.forecasting.predict import new_model
from forecast.forecasting.trained import TrainedModel
from forecast.prepare import prepare
from forecast.times.axis import TimeAxis
from tests.helpers import refusal

EPOCH = date(1970, 1, 1)


def number(day: str) -> int:
    return (date.fromisoformat(day) - EPOCH).days


def axis_from(day: str, frequency, timezone=None) -> TimeAxis:
    stamp = pd.Timestamp(day, tz=timezone)
    return TimeAxis(stamp.tz_convert("UTC").value if timezone else stamp.value, frequency, timezone)


def on(*days: str) -> SpecialDays:
    found = tuple(sorted(map(number, days)))
    return SpecialDays("holidays", found, found[0], found[-1])


def shares(axis: TimeAxis, steps: int, *days: str) -> list[float]:
    return share_of_days(axis, np.arange(steps), [on(*days)])[:, 0].tolist()


@pytest.mark.parametrize(
    ("begin", "frequency", "days", "expected"),
    [
        ("2024-12-24", "D", ["2024-12-25", "2024-12-26"], [0, 1, 1, 0]),
        ("2024-12-24 22:00", "h", ["2024-12-25"], [0, 0, 1, 1]),
        ("2024-02-01", "MS", ["2024-02-29", "2024-03-01"], [1 / 29, 1 / 31, 0]),
        ("2024-02-29", "ME", ["2024-02-29", "2024-03-01"], [1 / 29, 1 / 31, 0]),
        ("2024-12-22", "W-SUN", ["2024-12-25", "2024-12-16"], [1 / 7, 1 / 7, 0]),
        ("2024-12-20", "B", ["2024-12-21", "2024-12-23"], [0, 1, 0]),  # no Saturday is a Friday's
        ("2024-12-20", "D MON-FRI", ["2024-12-21", "2024-12-23"], [0, 1, 0]),
        ("2024-12-20", "2D", ["2024-12-21", "2024-12-22", "2024-12-23"], [1 / 2, 1, 0]),
        ("2024-01-01", "QS", ["2024-01-01", "2024-06-30"], [1 / 91, 1 / 91, 0]),
        ("2024-01-15", "MS-15", ["2024-02-14"], [1 / 31, 0]),
    ],
)
def test_the_share_of_the_days_of_a_step(begin, frequency, days, expected):
    found = shares(axis_from(begin, frequency), len(expected), *days)
    np.testing.assert_allclose(found, expected)


def test_days_are_those_of_the_zone():
    berlin = axis_from("2024-12-24 22:00", "h", "Europe/Berlin")  # 21:00 in UTC
    assert shares(berlin, 4, "2024-12-25") == [0, 0, 1, 1]
    assert shares(axis_from("2024-03-30", "D", "Europe/Berlin"), 3, "2024-03-31") == [0, 1, 0]


def test_holidays_of_a_place_are_those_of_the_package_and_known_ahead():
    config = DataConfig(path="-", holidays=Holidays(country="DE", subdivision="BY"))
    (found,) = special_days(config, axis_from("2019-06-01", "D"), 400)  # up to July 2020
    by_rule = easter(2030) + timedelta(60)  # Corpus Christi, no holiday in all of Germany
    assert {number("2020-01-06"), (by_rule - EPOCH).days} <= {*found.days}
    assert number("2020-01-07") not in found.days
    assert (found.first, found.last) == (number("2019-01-01"), number("2040-12-31"))
    whole = DataConfig(path="-", holidays=Holidays(country="DE"))
    assert (by_rule - EPOCH).days not in special_days(whole, axis_from("2019-06-01", "D"), 9)[
        0
    ].days


def easter(year: int) -> date:
    """By Butcher 1876."""
    a, (b, c) = year % 19, divmod(year, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    last = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    month, day = divmod(h + last - 7 * ((a + 11 * h + 22 * last) // 451) + 114, 31)
    return date(year, month, day + 1)


def terms_in(tmp_path, *rows: str) -> DataConfig:
    path = tmp_path / "terms.csv"
    path.write_text("\n".join(["name,first,last", *rows]), encoding="utf-8")
    return DataConfig(path="-", terms=str(path))


def test_terms_are_a_column_for_each_name(tmp_path):
    config = terms_in(
        tmp_path, "summer,2020-07-27,2020-07-29", "autumn,2020-10-31,2020-10-31",
        "summer,2021-07-30,2021-07-30",
    )  # fmt: skip
    summer, autumn = special_days(config, axis_from("2020-01-01", "D"), 9)
    assert (summer.name, autumn.name) == ("terms=summer", "terms=autumn")
    assert summer.days == tuple(
        map(number, ("2020-07-27", "2020-07-28", "2020-07-29", "2021-07-30"))
    )
    assert autumn.days == (number("2020-10-31"),)
    assert {summer.last, autumn.last} == {number("2021-07-30")}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("summer,2020-07-27,July", ":2: column last is 'July'; write YYYY-MM-DD"),
        ("summer,2020-07-27,", ":2: column last is ''; write YYYY-MM-DD"),
        (
            "summer,2020-07-27,2020-07-01",
            ":2: term summer ends before it begins; mend first or last",
        ),
        ("summer,2020-07-27,2920-07-27", ":2: column last is '2920-07-27'; write YYYY-MM-DD"),
        (
            "summer,2020-07-27,2022-07-27",
            ":2: term summer has more than 400 days; mend first or last",
        ),
    ],
)
def test_terms_that_cannot_be(tmp_path, row, message):
    config = terms_in(tmp_path, row)
    axis = axis_from("2020-01-01", "D")
    assert refusal(special_days, config, axis, 9, error=DataError) == config.terms + message


def test_a_table_of_terms_that_is_none(tmp_path):
    axis = axis_from("2020-01-01", "D")
    missing = DataConfig(path="-", terms=str(tmp_path / "no.csv"))
    assert refusal(special_days, missing, axis, 9, error=DataError) == (
        f"{missing.terms}: no such file; check data.terms"
    )
    other = terms_in(tmp_path)
    (tmp_path / "terms.csv").write_text("begin,end\n1,2\n")
    assert refusal(special_days, other, axis, 9, error=DataError) == (
        f"{other.terms}:1: no column 'first'; known: begin, end"
    )


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            {"country": "XX"},
            "data.holidays.country: 'XX' is not known; write a code of ISO 3166 such as DE",
        ),
        (
            {"country": "GB", "subdivision": "CA"},
            "data.holidays.subdivision: GB has no 'CA'; known: ENG, NIR, SCT, WLS",
        ),
        (
            {"country": "VA", "subdivision": "X"},
            "data.holidays.subdivision: VA has no 'X'; known: none",
        ),
    ],
)
def test_places_that_are_not_known(place, message):
    config = DataConfig(path="-", holidays=Holidays(**place))
    axis = axis_from("2020-01-01", "D")
    assert refusal(special_days, config, axis, 9, error=ConfigError) == message


def test_the_package_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    config = DataConfig(path="-", holidays=Holidays(country="DE"))
    assert refusal(special_days, config, axis_from("2020-01-01", "D"), 9, error=ConfigError) == (
        "data.holidays needs holidays: pip install 'forecast-lstm[holidays]'"
    )


def test_integer_times_have_no_days():
    config = DataConfig(path="-", holidays=Holidays(country="DE"))
    message = refusal(special_days, config, TimeAxis(0, 1), 9, error=ConfigError)
    assert message.startswith("data.holidays: needs dates, but the times are integers")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("DE", {"country": "DE"}),
        ("DE-BY", {"country": "DE", "subdivision": "BY"}),
        ("NO", {"country": "NO"}),
        ("ES-MD", {"country": "ES", "subdivision": "MD"}),
    ],
)
def test_a_place_in_one_word(text, place):
    assert holiday_place(text) == place
    assert refusal(holiday_place, f"{text.lower()}", error=ConfigError) == (
        f"holidays {text.lower()!r} is no place; write DE, or DE-BY for a state"
    )


def with_holidays(tmp_path, days: int = 730) -> Config:
    dates = pd.date_range("2021-01-01", periods=days)
    frame = pd.DataFrame({"ds": dates, "y": np.arange(days) % 7 + 1.0})
    frame.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "terms.csv").write_text(
        "first,last,name\n2021-08-02,2021-09-13,summer\n2022-12-24,2023-01-07,christmas\n"
    )
    return config_from(
        {
            "data": {
                "path": str(tmp_path / "table.csv"),
                "holidays": {"country": "DE"},
                "terms": str(tmp_path / "terms.csv"),
            },
            "window": {"lookback": 14, "horizon": 7},
            "model": {"hidden_size": 4},
        }
    )


def untrained(prepared) -> TrainedModel:
    model = new_model(prepared.config, prepared.pipeline)
    tail = prepared.as_history().tail(14)
    return TrainedModel(prepared.config, prepared.pipeline, (model,), tail)


def test_a_model_keeps_the_days_that_it_has_seen(tmp_path, monkeypatch, caplog):
    prepared = prepare(with_holidays(tmp_path))
    names = prepared.pipeline.covariates.future_names
    assert names == ("holidays", "terms=summer")  # christmas lies behind the training rows
    assert "special days that no training row falls on are left out: terms=christmas" in caplog.text
    assert "data.terms: known from 2021-08-02 to 2023-01-07" in caplog.text
    trained = untrained(prepared)
    trained.save(tmp_path / "model.safetensors")
    expected = trained.forecast(horizon=40)
    monkeypatch.setitem(sys.modules, "holidays", None)
    (tmp_path / "terms.csv").unlink()
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.pipeline.covariates.days == prepared.pipeline.covariates.days
    pd.testing.assert_frame_equal(loaded.forecast(horizon=40), expected)


def test_what_comes_counts_as_the_rules_say(tmp_path):
    trained = untrained(prepare(with_holidays(tmp_path)))
    ahead = trained.tail.extend(np.full((1, 2, 1), np.nan))
    encoded = trained.pipeline.covariates.encode(ahead, ahead.values)
    dates = ahead.axis.dates(ahead.positions(np.arange(len(encoded)))).strftime("%m-%d")
    assert [*dates[encoded[:, 0] == 1]] == ["12-25", "12-26", "01-01"]


def test_days_outside_of_what_is_known_are_told_of(caplog):
    days = [SpecialDays("terms=a", (3,), 3, 9), SpecialDays("terms=b", (9,), 3, 9)]
    axis = TimeAxis(0, "D")
    module.warn_of_unknown_days(days, axis, 3, 9)
    assert not caplog.records
    module.warn_of_unknown_days(days, axis, 3, 10)
    assert [record.getMessage() for record in caplog.records] == [
        "data.terms: known from 1970-01-04 to 1970-01-10; other days count as ordinary ones"
    ]
