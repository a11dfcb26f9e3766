"""Recreate the five bundled CSV files from the packages that publish their numbers.

Usage: python scripts/make_data.py [--to DIR]

With the default folder, `git status` then shows whether the bundled files are what they claim.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from statsforecast.utils import AirPassengers
from statsmodels.datasets import co2, macrodata, sunspots

BUNDLED = Path(__file__).resolve().parents[1] / "data"
ISO_DATE = "%Y-%m-%d"


def air_passengers() -> pd.DataFrame:
    """Return the monthly totals of international airline passengers."""
    months = pd.date_range("1949-01-01", periods=len(AirPassengers), freq="MS")
    return pd.DataFrame({"month": months.strftime(ISO_DATE), "passengers": AirPassengers})


def weekly_co2() -> pd.DataFrame:
    """Return the weekly carbon dioxide averages, their gaps as NaN."""
    source = co2.load_pandas().data
    return pd.DataFrame({"week": source.index.strftime(ISO_DATE), "co2": source["co2"].to_numpy()})


def co2_change() -> pd.DataFrame:
    """Return whether carbon dioxide fell, was steady or rose over four weeks; NaN next to gaps."""
    table = weekly_co2()
    change = (table["co2"] - table["co2"].shift(4)).round(2)
    labels = pd.cut(change, [-math.inf, -0.51, 0.5, math.inf], labels=["falls", "steady", "rises"])
    return pd.DataFrame({"week": table["week"], "change": labels.astype(object)}).iloc[4:]


def macro() -> pd.DataFrame:
    """Return the quarterly macroeconomic table, each quarter named by its first day."""
    source = macrodata.load_pandas().data
    months = source["quarter"] * 3 - 2
    days = pd.to_datetime(pd.DataFrame({"year": source["year"], "month": months, "day": 1}))
    table: pd.DataFrame = source.drop(columns=["year", "quarter"])
    table.insert(0, "quarter", days.dt.strftime(ISO_DATE))
    return table


def yearly_sunspots() -> pd.DataFrame:
    """Return the yearly sunspot numbers."""
    source: pd.DataFrame = sunspots.load_pandas().data
    return source.rename(columns={"YEAR": "year", "SUNACTIVITY": "sunspots"})


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "air_passengers.csv": air_passengers,
    "co2.csv": weekly_co2,
    "co2_change.csv": co2_change,
    "macro.csv": macro,
    "sunspots.csv": yearly_sunspots,
}


def shortest(cell: str | float) -> str:
    """Write a number with the fewest digits that read back as the same float; NaN is empty."""
    if isinstance(cell, str):
        return cell
    return "" if math.isnan(cell) else repr(float(cell)).removesuffix(".0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write every table into the chosen folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=BUNDLED, metavar="DIR", help="default: data/")
    folder: Path = parser.parse_args(arguments).to
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in TABLES.items():
        table().map(shortest).to_csv(folder / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
