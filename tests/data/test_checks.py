"""Findings of hand-made tables and of the bundled ones: each with its column and its CSV line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.tree import config_from
from forecast.data.assemble import read_panel
from forecast.data.checks import OUTLIER, SHOWN, findings, true_runs

DATA = Path(__file__).parents[2] / "data"


def messages(source, frame: pd.DataFrame | None = None, **data) -> dict[str, list[str]]:
    """Kind -> messages of a table; `{}` stands for the path of the file."""
    values = {"path": str(source), "time": "ds", "target": ("y",), **data}
    found: dict[str, list[str]] = {}
    for finding in findings(read_panel(config_from({"data": values}).data, frame)):
        text = finding.message.replace(str(source), "{}")
        found.setdefault(finding.kind, []).append(text)
    return found


def daily(tmp_path: Path, values, **columns) -> Path:
    """A CSV of days from 2024-01-01; a value None is an empty cell, "gap" a missing row."""
    days = pd.date_range("2024-01-01", periods=len(values)).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"ds": days, "y": values, **columns})
    path = tmp_path / "table.csv"
    frame[[value != "gap" for value in values]].to_csv(path, index=False)
    return path


def wave(count: int, seed: int = 0) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, 0.1, count)
    return list(np.round(10 + np.sin(np.arange(count) / 5) + noise, 3))


def test_a_code_for_no_value_is_told_from_outliers(tmp_path):
    values = wave(60)
    for row in (7, 8, 30, 41):
        values[row] = -999.0
    found = messages(daily(tmp_path, values))
    assert found["code"] == [
        "column 'y' is -999 in 4 rows, far from all other values; if it stands for none, empty"
        " these cells and set data.missing"
    ]
    assert "code" not in messages(daily(tmp_path, wave(60)))
    assert "code" not in messages(daily(tmp_path, [0.0, 100.0, 101.0, 0.0, 102.0, 0.0, 103.0]))
    assert "code" not in messages(daily(tmp_path, [3.0, 5.0, 9.0, 4.0] * 12))  # a season


def test_a_clean_table_has_no_findings(tmp_path: Path) -> None:
    assert messages(daily(tmp_path, wave(60))) == {}


def test_gaps_are_counted_with_the_lines_before_the_first_and_the_longest(tmp_path: Path) -> None:
    values = wave(30)
    values[3] = values[10] = values[11] = values[12] = values[20] = "gap"
    assert messages(daily(tmp_path, values))["gap"] == [
        "{}:4: 5 rows are missing in 3 gaps; the first after this row, the longest (3 rows) after"
        " {}:10"
    ]


@pytest.mark.parametrize(
    ("rows", "message"), [([5], "1 row is missing"), ([5, 6], "2 rows are missing")]
)
def test_a_single_gap_is_named_once(tmp_path: Path, rows: list[int], message: str) -> None:
    values = wave(30)
    for row in rows:
        values[row] = "gap"
    assert messages(daily(tmp_path, values)) == {"gap": [f"{{}}:6: after this row {message}"]}


@pytest.mark.parametrize(
    ("frequency", "zone", "has_remedy"),
    [("h", "", True), ("15min", "", True), ("h", "+00:00", False), ("D", "", False)],
)
@pytest.mark.parametrize("gaps", [[5], [5, 9]])
def test_gaps_of_clock_times_without_a_zone_may_be_local_times(
    tmp_path: Path, frequency: str, zone: str, has_remedy: bool, gaps: list[int]
) -> None:
    times = pd.date_range("2024-03-30", periods=60, freq=frequency).strftime(f"%F %T{zone}")
    frame = pd.DataFrame({"ds": times, "y": wave(60)}).drop(index=gaps)
    frame.to_csv(tmp_path / "table.csv", index=False)
    (message,) = messages(tmp_path / "table.csv")["gap"]
    assert message.endswith("; if the times are local set data.timezone") == has_remedy
    integers = frame.assign(ds=[row for row in range(60) if row not in gaps])
    integers.to_csv(tmp_path / "table.csv", index=False)
    assert "timezone" not in messages(tmp_path / "table.csv")["gap"][0]


def test_empty_cells_are_counted_in_runs_with_their_lines(tmp_path: Path) -> None:
    values = wave(30)
    values[4] = values[10] = values[11] = values[12] = None
    assert messages(daily(tmp_path, values)) == {
        "empty": [
            "{}:6: column 'y' is empty in 4 rows, in 2 runs; the first begins here, the longest"
            " (3 rows) at {}:12"
        ]
    }


@pytest.mark.parametrize(
    ("rows", "where"), [([8], "in this row"), ([8, 9, 10], "in 3 rows from here on")]
)
def test_a_single_run_of_empty_cells_is_named_once(
    tmp_path: Path, rows: list[int], where: str
) -> None:
    values = wave(30)
    for row in rows:
        values[row] = None
    assert messages(daily(tmp_path, values)) == {"empty": [f"{{}}:10: column 'y' is empty {where}"]}


def test_a_missing_row_is_a_gap_and_no_empty_cell(tmp_path: Path) -> None:
    values = wave(30)
    values[5], values[6] = "gap", None
    found = messages(daily(tmp_path, values))
    assert found == {
        "gap": ["{}:6: after this row 1 row is missing"],
        "empty": ["{}:7: column 'y' is empty in this row"],
    }


def test_each_column_is_looked_at_on_its_own(tmp_path: Path) -> None:
    values = wave(30)
    second = [None if row == 7 else value for row, value in enumerate(wave(30, seed=1))]
    path = daily(tmp_path, values, other=second, price=3.5, shop="north")
    covariates = ("price", {"shop": {"encoding": "one_hot"}})
    assert messages(path, target=("y", "other"), past=covariates) == {
        "empty": ["{}:9: column 'other' is empty in this row"],
        "constant": ["{}: column 'price' is always 3.5", "{}: column 'shop' is always north"],
    }


def test_a_spike_is_one_outlier_at_its_own_line(tmp_path: Path) -> None:
    values = wave(60)
    values[30] = 55.5
    found = messages(daily(tmp_path, values))
    assert found == {"outlier": ["column 'y' is far from its neighbours: 55.5 at {}:32"]}


def test_an_outlier_beside_empty_cells_is_found_once(tmp_path: Path) -> None:
    values = wave(60)
    values[29], values[30], values[31] = None, 55.5, None
    found = messages(daily(tmp_path, values))
    assert found["outlier"] == ["column 'y' is far from its neighbours: 55.5 at {}:32"]


def test_the_farthest_outliers_are_named_first_and_the_rest_counted(tmp_path: Path) -> None:
    values = wave(100)
    for row, value in zip((10, 30, 50, 70, 90), (40.0, 80.0, 60.0, -50.0, 30.0), strict=True):
        values[row] = value
    assert SHOWN == 3
    assert messages(daily(tmp_path, values))["outlier"] == [
        "column 'y' is far from its neighbours: 80 at {}:32, -50 at {}:72, 60 at {}:52 and 2 more"
    ]


def test_outliers_are_judged_by_the_spread_of_their_own_series(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    quiet, wild = rng.normal(0, 1, 50), rng.normal(0, 100, 50)
    quiet[20] = 50  # far from its neighbours, though common in the other series
    times = pd.date_range("2024-01-01", periods=50)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": times, "y": values})
        for name, values in (("quiet", quiet), ("wild", wild))
    )
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    found = messages(path)
    assert found == {"outlier": ["column 'y' is far from its neighbours: 50 at {}:22"]}


def test_the_ends_of_series_are_not_compared_with_the_neighbouring_series(tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=30)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": times, "y": level + np.array(wave(30))})
        for name, level in (("low", 0), ("high", 1000))
    )
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    assert messages(path) == {}


def test_constant_series_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=20)
    series = {"a": wave(20), "b": 7.25, "c": 0.0, "d": wave(20, seed=1)}
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": times, "y": values})
        for name, values in series.items()
    )
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    assert messages(path) == {
        "constant": ["{}: column 'y' is constant in 2 of 4 series; the first is b (7.25)"]
    }


def test_a_column_without_values_is_empty_and_not_constant(tmp_path: Path) -> None:
    path = daily(tmp_path, [None] * 20)
    assert messages(path) == {"empty": ["{}:2: column 'y' is empty in 20 rows from here on"]}


def test_a_frame_and_a_gap_at_its_end_are_named_by_row() -> None:
    frame = pd.DataFrame({"ds": [1, 2, 3, 6, 7], "y": [1.0, 4.0, 2.0, np.nan, 3.0]})
    assert messages("data", frame) == {
        "gap": ["{} row 2: after this row 2 rows are missing"],
        "empty": ["{} row 3: column 'y' is empty in this row"],
    }


def test_the_real_gaps_of_co2() -> None:
    path = DATA / "co2.csv"
    cells = pd.read_csv(path)["co2"].isna().to_numpy()
    lines = [number + 2 for number in np.flatnonzero(cells)]
    begins = [line for line in lines if line - 1 not in lines]
    runs = {line: next(n for n in range(1, 99) if line + n not in lines) for line in begins}
    longest = max(runs, key=lambda line: runs[line])
    assert (len(lines), len(begins), runs[longest]) == (59, 22, 18)
    assert messages(path, time="week", target=("co2",)) == {
        "empty": [
            f"{{}}:{lines[0]}: column 'co2' is empty in 59 rows, in 22 runs; the first begins here,"
            f" the longest (18 rows) at {{}}:{longest}"
        ]
    }


def test_faults_put_into_co2_are_found_where_they_are(tmp_path: Path) -> None:
    lines = (DATA / "co2.csv").read_text().splitlines()
    lines[1500] = lines[1500].split(",")[0] + ",3534"  # a lost decimal point
    lines[2000] = lines[2000].split(",")[0] + ",0"
    lines[2200] = lines[2200].split(",")[0] + ","
    del lines[2100:2104]
    path = tmp_path / "co2.csv"
    path.write_text("\n".join(lines) + "\n")
    found = messages(path, time="week", target=("co2",))
    assert found["outlier"] == [
        "column 'co2' is far from its neighbours: 3534 at {}:1501, 0 at {}:2001"
    ]
    assert found["gap"] == ["{}:2100: after this row 4 rows are missing"]
    assert "is empty in 60 rows, in 23 runs" in found["empty"][0]


@pytest.mark.parametrize(
    ("file", "time", "target"),
    [("air_passengers", "month", "passengers"), ("sunspots", "year", "sunspots")],
)
def test_bundled_series_without_faults_have_no_findings(file: str, time: str, target: str) -> None:
    assert messages(DATA / f"{file}.csv", time=time, target=(target,)) == {}


def test_the_outliers_of_macro_are_its_two_crises() -> None:
    """Interest rates of 1980-82, and the recession that began in 2008."""
    frame = pd.read_csv(DATA / "macro.csv")
    found = messages(DATA / "macro.csv", time="quarter", target=tuple(frame.columns[1:]))
    assert list(found) == ["outlier"]
    columns = [message.split("'")[1] for message in found["outlier"]]
    assert columns == ["realdpi", "cpi", "m1", "tbilrate"]
    named = [int(part.split(",")[0]) for text in found["outlier"] for part in text.split("{}:")[1:]]
    years = frame["quarter"].str[:4].astype(int)
    assert {int(years[line - 2]) for line in named} <= {1980, 1981, 1982, 2005, 2008, 2009}


@given(st.integers(0, 10**6), st.integers(1, 58), st.sampled_from([-1, 1]))
def test_outliers_do_not_depend_on_level_slope_and_unit(seed: int, row: int, sign: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=60)
    values[row] += sign * 60
    slope, unit = rng.normal(0, 100), rng.uniform(0.01, 100)
    times = np.arange(60)
    for table in (values, unit * (values + slope * times + 5)):
        frame = pd.DataFrame({"ds": times, "y": table})
        (message,) = messages("data", frame)["outlier"]
        assert message.endswith(f" at {{}} row {row}")


@given(st.integers(0, 10**6))
def test_noise_has_no_outliers(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=400)
    assert OUTLIER >= 10
    assert messages("data", pd.DataFrame({"ds": np.arange(400), "y": values})) == {}


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=5))
def test_runs_equal_a_loop_and_end_with_their_series(series: list[list[bool]]) -> None:
    expected: list[list[int]] = []
    offsets, row = [0], 0
    for flags in series:
        running = False
        for flag in flags:
            if flag and running:
                expected[-1][1] += 1
            elif flag:
                expected.append([row, 1])
            running = flag
            row += 1
        offsets.append(row)
    found = true_runs(np.concatenate(series), np.array(offsets))
    assert found.tolist() == expected


def test_a_constant_series_among_others_is_no_code(tmp_path):
    """A shop that always has 5 is not one whose device writes 5 for nothing."""
    values = [100 + value for value in wave(40)]
    coded = [-999.0 if row in (3, 9, 20) else value for row, value in enumerate(values)]
    for name, others, kinds in (("5", [5.0] * 40, {"constant"}), ("-999", coded, {"code"})):
        days = pd.date_range("2024-01-01", periods=40)
        frame = pd.DataFrame({"ds": [*days, *days], "y": [*values, *others]})
        found = messages("data", frame.assign(unique_id=["a"] * 40 + [name] * 40))
        assert kinds == found.keys() - {"outlier"}


def test_a_counter_that_is_set_back():
    """A meter that was changed, and sums of a year so far; no count, swing or fall is one."""
    months = np.arange(60)
    so_far = np.array([np.cumsum(np.arange(12) % 5 + 1)] * 5).ravel()
    for values, resets in (
        (np.where(months < 40, 100 + months * 7.5, (months - 40) * 7.5), [40]),
        (so_far, [12, 24, 36, 48]),
        (months * 2.5, []),
        (np.where(months < 40, months * 7.5, months * 7.5 - 200), []),
        (months % 4, []),
        (so_far - 20, []),
    ):
        frame = pd.DataFrame({"ds": [*months, *months], "id": ["a"] * 60 + ["b"] * 60})
        frame["y"] = [*values, *(np.sin(months) + 2)]
        found = messages("data", frame, id="id").get("counter", [])
        assert len(found) == bool(resets)
        if resets:
            begin = f"{{}} row {resets[0]}: column 'y' falls to nearly 0 here, in {len(resets)} of"
            assert found[0].startswith(
                f"{begin} its rows, and rises in most others, like a counter;"
            )
