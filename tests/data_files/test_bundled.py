"""The five bundled CSV files against the packages that publish the same numbers."""

import csv
import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest
from statsforecast.utils import AirPassengers
from statsmodels.datasets import co2, macrodata, sunspots

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["air_passengers.csv", "co2.csv", "co2_change.csv", "macro.csv", "sunspots.csv"]


def read(path: Path) -> dict[str, list[str]]:
    """Return a file's columns as text, so that nothing is rounded on the way."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {name: list(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}


def bundled(name: str) -> dict[str, list[str]]:
    return read(ROOT / "data" / name)


def published(module) -> dict[str, list[str]]:
    """Return the columns of the CSV file that statsmodels itself ships."""
    folder = Path(module.__file__).parent
    return read(folder / f"{folder.name}.csv")


def exact(cells: list[str]) -> list[Decimal | None]:
    return [Decimal(cell) if cell else None for cell in cells]


def total(cells: list[str]) -> Decimal:
    return sum((Decimal(cell) for cell in cells if cell), Decimal(0))


def test_air_passengers() -> None:
    table = bundled("air_passengers.csv")
    assert list(table) == ["month", "passengers"]
    assert table["month"] == [f"{1949 + i // 12}-{i % 12 + 1:02d}-01" for i in range(144)]
    assert [int(cell) for cell in table["passengers"]] == AirPassengers.tolist()
    assert total(table["passengers"]) == 40363


def test_co2() -> None:
    table, source = bundled("co2.csv"), published(co2)
    assert list(table) == ["week", "co2"]
    assert [day.replace("-", "") for day in table["week"]] == source["date"]
    assert exact(table["co2"]) == exact(source["co2"])
    assert len(table["week"]) == 2284
    assert table["co2"].count("") == co2.load_pandas().data["co2"].isna().sum() == 59
    assert total(table["co2"]) == Decimal("756816.5")


def test_co2_change() -> None:
    table, source = bundled("co2_change.csv"), bundled("co2.csv")
    assert list(table) == ["week", "change"]
    assert table["week"] == source["week"][4:]
    for before, after, label in zip(
        source["co2"], source["co2"][4:], table["change"], strict=False
    ):
        if not (before and after):
            assert label == ""
            continue
        change = Decimal(after) - Decimal(before)
        far = abs(change) > Decimal("0.5")
        assert label == (("rises" if change > 0 else "falls") if far else "steady")


def test_macro() -> None:
    table, source = bundled("macro.csv"), published(macrodata)
    first_months = {"1": "01", "2": "04", "3": "07", "4": "10"}
    years, quarters = source.pop("year"), source.pop("quarter")
    days = [f"{y}-{first_months[q]}-01" for y, q in zip(years, quarters, strict=True)]
    assert table.pop("quarter") == days
    assert len(days) == 203
    assert {name: exact(cells) for name, cells in table.items()} == {
        name: exact(cells) for name, cells in source.items()
    }
    assert list(table) == list(source)
    assert not any("" in cells for cells in table.values())
    assert total(table["realgdp"]) == Decimal("1465897.896")


def test_sunspots() -> None:
    table, source = bundled("sunspots.csv"), published(sunspots)
    assert list(table) == ["year", "sunspots"]
    assert table["year"] == source["YEAR"] == [str(year) for year in range(1700, 2009)]
    assert exact(table["sunspots"]) == exact(source["SUNACTIVITY"])
    assert "" not in table["sunspots"]
    assert total(table["sunspots"]) == Decimal("15373.4")


@pytest.mark.parametrize("name", NAMES)
def test_the_script_recreates_every_byte(name, tmp_path) -> None:
    spec = importlib.util.spec_from_file_location("make_data", ROOT / "scripts" / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--to", str(tmp_path)])
    assert (tmp_path / name).read_bytes() == (ROOT / "data" / name).read_bytes()
