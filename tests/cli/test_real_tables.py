"""Tables as they come go from CSV to report without an edit by hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REAL = ("ETTh1", "ETTm1", "bike_sharing", "exchange_rate", "national_illness")


def german(path):
    days, random = pd.date_range("2022-01-01", periods=900), np.random.default_rng(1)
    sales = 1800 + 300 * np.sin(np.arange(900) * 2 * np.pi / 7) + random.normal(0, 60, 900)
    rows = ["Datum;Filiale;Umsatz"]
    for shop in ("München", "Köln"):
        texts = (f"{each:,.2f}".translate(str.maketrans(",.", ".,")) for each in sales)
        rows += [f"{day:%d.%m.%Y};{shop};{text}" for day, text in zip(days, texts, strict=True)]
    path.write_text("\n".join(rows), encoding="utf-8")


def trading_days(path):
    days = pd.bdate_range("2019-01-01", "2023-06-30")
    days = days[~((days.month == 12) & days.day.isin([25, 26]))]
    price = 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, len(days))))
    pd.DataFrame({"Date": days.strftime("%m/%d/%Y"), "Close": price}).to_csv(path, index=False)


def years_and_months(path):
    months = pd.date_range("1990-01-01", "2020-12-01", freq="MS")
    sales = 50 + 20 * np.cos(months.month / 12 * 2 * np.pi) + np.arange(len(months)) / 12
    frame = pd.DataFrame({"Year": months.year, "Month": months.month, "Sales": sales})
    frame.assign(Returns=np.random.default_rng(3).normal(5, 1, len(frame))).to_csv(
        path, index=False
    )


def local_hours(path):
    hours = pd.date_range("2023-01-01", "2023-12-31 23:00", freq="h", tz="Europe/Berlin")
    load = 50 + 20 * np.sin(hours.hour / 24 * 2 * np.pi) + 8 * (hours.day_of_week < 5)
    weather = np.random.default_rng(4).choice(["rain", "sun", "cloud"], len(hours))
    frame = pd.DataFrame({"time": hours.strftime("%Y-%m-%d %H:%M"), "load": load})
    frame.assign(weather=weather, sunday=hours.day_of_week == 6).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (german, []),
        (trading_days, []),
        (years_and_months, []),
        (local_hours, ["--timezone", "Europe/Berlin", "--past", "auto"]),
    ],
)
def test_tables_of_our_own(tmp_path, monkeypatch, make, options):
    make(tmp_path / "table.csv")
    goes_from_table_to_report(tmp_path / "table.csv", tmp_path, monkeypatch, options)


@pytest.mark.parametrize("name", REAL)
def test_real_tables(tmp_path, monkeypatch, name):
    table = Path(os.environ.get("FORECAST_DATA", "nowhere")) / f"{name}.csv"
    if not table.exists():
        pytest.skip(f"FORECAST_DATA names no folder with {table.name}")
    goes_from_table_to_report(table.resolve(), tmp_path, monkeypatch)


def goes_from_table_to_report(table, tmp_path, monkeypatch, options=()):
    """Run what a newcomer would, one command after the other."""
    monkeypatch.chdir(tmp_path)
    for command in (
        ["config", "init", str(table), *options, "--minutes", "0.3", "--output", "c.yaml"],
        ["check", "c.yaml"],
        ["train", "c.yaml", "--run", "run", "--quiet"],
        ["predict", "run", "--output", "next.csv"],
        ["report", "run"],
    ):
        assert main(command) == 0, command
    forecasts = pd.read_csv("next.csv")
    assert np.isfinite(forecasts["forecast"]).all()
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
