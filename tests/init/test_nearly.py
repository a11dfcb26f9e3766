"""Tables that are nearly right are refused with what is wrong in them."""

import calendar
from decimal import Decimal

import pandas as pd
import pytest

from forecast.init.helping import Columns, encoded
from forecast.init.labels import holds_labels
from forecast.init.nearly import hindrance
from forecast.init.unconfigured import as_flag, options_named
from tests.helpers import refusal
from tests.proposed import propose, read_unconfigured

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (["1.5", "2", "n/a", "3"], "holds 'n/a' among its numbers; mend it"),
        (["°C", "15.1", "16"], "holds '°C' among its numbers"),
        (["$1,534.20", "$9"], "holds '$1,534.20'; write the number alone"),
        (["12 %", "3 %"], "holds '12 %'; write the number alone"),
        (["EUR 12", "EUR 3"], "holds 'EUR 12'; write the number alone"),
        (["S1", "S2"], ""),
        (["(1,234)", "5,000", "(70)"], "holds '(1,234)' among its numbers; write '-1,234' if it"),
        (["6:45", "7:05:10"], "holds '6:45', hours or minutes; write one number, such as 6.75 for"),
        (["\u0665\u0660", "\u0663"], "holds '\u0665\u0660'; write its digits as 0 to 9"),
        (["north", "south"], ""),
        (["1,23,400", "5"], "holds '1,23,400'; write its numbers with one mark of decimals"),
        (DAYS, ""),
    ],
)
def test_the_cell_that_is_in_the_way(cells, named):
    said = hindrance(pd.DataFrame({"x": [1] * len(cells), "y": cells}), ["x", "y"])
    assert named in str(said)
    assert bool(named) == bool(said)


def table(header, rows=DAYS, cell="{}"):
    return "\n".join([header, *(f"{day},{cell.format(i)}" for i, day in enumerate(rows))])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            f"Sales of a shop\n\n{table('ds,y')}",
            ":1: no row has as many cells as the first line, 1",
        ),
        (
            f"Sales of a shop,\n,\n{table('ds,y')}",
            ":1: 1 of 2 columns have no name; the first line",
        ),
        (
            table("note,,y", [f"x,{day}" for day in DAYS]),
            ":1: the column of times has no name; write one into the first line",
        ),
        (f"town,{','.join(DAYS[:3])}\nBonn,1,2,3", ":1: columns '2024-01-01' to '2024-01-03' are"),
        ("town,2024-01,2024-02\nBonn,1,2", ":1: '2024-01' is no name of a column"),
        (table("ds,y", cell="{},5"), ":2: 3 cells, but the header has 2; put a cell"),
        (f"{table('ds,y')}\nTotal,190", ":22: column 'ds' holds 'Total', which is not read as a"),
        (f"{table('ds,y')}\nTotal,190", "; delete the row if it is a total or a note, or write"),
        (
            f"units: MW\n{table('ds;y')}",
            ": the first line names one column, units: MW; it must",
        ),
        ("y\n1\n2", ": the first line names one column, y; it must name the times and what"),
        (table("ds,y,y", cell="{0},{0}"), ":1: column 'y' is named twice; give each column a name"),
        (f"{table('ds,y')}\nSource: a shop", ":22: 1 cell, but the header has 2; write empty"),
        (
            table("ds,y").replace("ds,y", "ds,y\n,EUR"),
            ":2: no column of changing numbers to forecast; column 'y' holds 'EUR' among its",
        ),
        (
            table("ds,note,y", cell='"two\nlines",{}').replace(",3\n", ",n/a\n"),
            ":8: no column of changing numbers to forecast; column 'y' holds 'n/a' among its",
        ),
        (
            f"Sales,of\n\nfrom,a shop\n{table('ds,y,z', cell='{0},{0}')}",
            ":1: the first line has 2 cells, most have 3; it must name the columns: delete what",
        ),
        (table("ds,y", DAYS * 9, cell="({}.0)"), "holds '(0.0)' among its numbers; write '-0.0'"),
    ],
)
def test_a_table_that_is_nearly_one(tmp_path, text, says):
    (tmp_path / "table.csv").write_text(text)
    with options_named(as_flag):
        assert says in refusal(read_unconfigured, str(tmp_path / "table.csv"))


def test_lists_as_names_of_series_are_refused_in_words():
    frame = pd.DataFrame({"ds": DAYS, "shop": [["a"]] * 20, "y": range(20)})
    message = refusal(read_unconfigured, frame, ids=["shop"])
    assert (
        message
        == "data: row 1: column 'shop' holds ['a']: a list; write one number or text in each cell"
    )
    assert read_unconfigured(frame).roles.ids == ()


def test_equal_rows_count_once_where_the_others_are_one_a_time(caplog):
    """A day copied twice is told; two equal sales among several of a day are still two sales."""
    days = [*DAYS[:7], DAYS[6], *DAYS[7:]]
    once = pd.DataFrame({"ds": days, "y": [float(int(day[-2:]) ** 2) for day in days]})
    assert "  duplicates: first" in propose(once)
    assert "repeat another one cell for cell: 1; they count once" in caplog.text
    sales = pd.DataFrame({"ds": [*DAYS, *DAYS, DAYS[0]], "y": [*range(40), 0]})
    assert "set --duplicates mean (or sum" in refusal(looked_at, sales)


def test_duplicates_and_frequency_are_asked_for_by_option():
    """Three sales on a day, whose sums are those of pandas; and steps of no rule, that count."""
    days = pd.to_datetime(DAYS)
    frame = pd.DataFrame({"ds": [*days, *days, *days], "y": [float(i * i) for i in range(60)]})
    for how in ("first", "last", "mean", "sum"):
        panel = read_unconfigured(frame, duplicates=how).panel
        assert panel.values[:, 0].tolist() == getattr(frame.groupby("ds").y, how)().tolist()
        assert f"duplicates: {how}" in propose(frame, duplicates=how)
    assert "set --duplicates mean (or sum" in refusal(looked_at, frame)
    seconds = pd.to_timedelta([i * 3600 + i * i % 7 for i in range(20)], unit="s")
    jittered = pd.DataFrame({"ds": days[0] + seconds, "y": range(20)})
    assert "where none fits, set --frequency index, which counts" in refusal(looked_at, jittered)
    assert "  frequency: index" in propose(jittered, frequency="index")
    steps = pd.DataFrame({"ds": range(0, 60, 3), "y": range(20)})
    assert "  frequency: 1\n" in propose(steps, frequency="1")


def looked_at(frame):
    with options_named(as_flag):
        read_unconfigured(frame)


def test_numbers_in_texts_and_decimals_of_a_frame_are_numbers():
    frame = pd.DataFrame({"ds": DAYS, "y": [f"{i * i}.5" for i in range(20)]})
    for table in (frame, frame.assign(y=frame.y.map(Decimal))):
        found = read_unconfigured(table)
        assert found.roles.targets == ("y",)
        assert found.panel.values[:, 0].tolist() == [i * i + 0.5 for i in range(20)]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (
            pd.DataFrame([[1, 2, 3]], columns=["ds", "y", "y"]),
            "data: column 'y' appears twice; rename one",
        ),
        (pd.DataFrame({"ds": [], "y": []}), "data: no rows; add one row a time step"),
    ],
)
def test_frames_that_are_no_tables(frame, says):
    assert refusal(read_unconfigured, frame) == says


def test_why_a_column_is_not_used_is_said():
    frame = pd.DataFrame({"ds": DAYS, "y": [float(i * i) for i in range(20)]})
    text = propose(frame.assign(price=[f"${i},000.50" for i in range(20)]))
    assert "  # column 'price' holds '$0,000.50'; write the number alone" in text


def test_numbers_of_rows_need_no_name(tmp_path):
    rows = "\n".join(f"{i},{day},{i % 7}" for i, day in enumerate(DAYS))
    (tmp_path / "table.csv").write_text(f",ds,y\n{rows}")
    assert read_unconfigured(str(tmp_path / "table.csv")).roles.targets == ("y",)


def test_the_mark_of_thousands_may_separate_the_cells_too(tmp_path):
    rows = "\n".join(f'{day},{i % 7},"{i % 5 + 1},{i:03},000"' for i, day in enumerate(DAYS))
    (tmp_path / "table.csv").write_text(f"ds,price,volume\n{rows}")
    found = read_unconfigured(str(tmp_path / "table.csv"))
    assert found.roles.targets == ("price", "volume")
    assert found.panel.values[6].tolist() == [6, 2_006_000]


def test_a_slip_among_many_numbers_makes_no_categories():
    cells = pd.Series([*map(str, range(60)), "-", *map(str, range(39))], name="x")
    frame = pd.DataFrame({"x": cells, "y": range(100)})
    assert encoded(frame, "x") == "x"
    assert Columns.of(frame, ()).helping(["y"], ["x"], {"past": ["auto"]}) == {}
    sizes = pd.DataFrame({"x": ["1", "2", "other"] * 9})
    assert encoded(sizes, "x") == {"x": {"encoding": "one_hot"}}


@pytest.mark.parametrize(
    ("cell", "marks"),
    [
        ("1\u202f2{:02},5", {"decimal": ",", "thousands": "\u202f"}),
        ("1\u00a02{:02}", {"thousands": "\u00a0"}),
        ("1 2{:02},5", {"decimal": ",", "thousands": " "}),
        ("1'2{:02}.5", {"thousands": "'"}),
    ],
)
def test_blanks_and_apostrophes_between_thousands(tmp_path, cell, marks):
    rows = "\n".join(f"{day};{cell.format(i)}" for i, day in enumerate(DAYS))
    (tmp_path / "table.csv").write_text(f"ds;y\n{rows}", encoding="utf-8")
    found = read_unconfigured(str(tmp_path / "table.csv"))
    assert found.marks == {"separator": ";", **marks}
    assert int(found.panel.values[7, 0]) == 1207


def test_a_target_of_numbers_with_units_is_none_of_labels(tmp_path):
    (tmp_path / "table.csv").write_text(table("ds,y", cell="{}.5%"))
    found = read_unconfigured(str(tmp_path / "table.csv"), targets=["y"])
    assert found.roles.are_labels == (False,)
    assert found.marks == {"units": {"y": "%"}}
    frame = pd.DataFrame({"ds": DAYS, "y": [f"{i}.5%" for i in range(20)]})
    said = refusal(read_unconfigured, frame, targets=["y"])
    assert said == "data: column 'y' holds '0.5%'; write the number alone"


@pytest.mark.parametrize(
    ("cells", "are_labels"),
    [
        (["12 %", "3 %"], False),
        (["$5", "$7"], False),
        (["5 kg", "6 kg"], False),
        (["Q1", "Q2"], True),
        (["1st", "2nd"], True),
        (["5 kg", "6 g"], True),
        (["A1", "B2"], True),
    ],
)
def test_few_numbers_with_one_unit_are_no_labels(cells, are_labels):
    assert holds_labels(pd.Series(cells * 5)) == are_labels


def test_the_number_of_an_order_is_neither_series_nor_target(tmp_path):
    rows = [f"{i},{day} 10:0{i % 3},{i % 7}" for i, day in enumerate([*DAYS, DAYS[-1]])]
    (tmp_path / "table.csv").write_text("\n".join(["order,ts,amount", *rows]))
    found = read_unconfigured(str(tmp_path / "table.csv"), frequency="index")
    assert (found.roles.ids, found.roles.targets) == ((), ("amount",))


def test_the_numbers_of_rows_that_were_shuffled_are_no_target():
    frame = pd.DataFrame({"ds": DAYS, "sold": [(i * i) % 11 for i in range(len(DAYS))]})
    shuffled = frame.sample(frac=1, random_state=0).reset_index()
    assert read_unconfigured(shuffled).roles.targets == ("sold",)


def test_codes_for_no_value_are_told_in_the_proposal():
    values = [float(i * i) for i in range(20)]
    values[3] = values[8] = values[15] = -9999.0
    text = propose(pd.DataFrame({"ds": DAYS, "y": values}))
    assert "  # column 'y' is -9999 in 3 rows, far from all other values; if it stands for" in text


def test_months_side_by_side_are_refused_unless_one_is_named(tmp_path):
    for names in (calendar.month_abbr[1:], ["Januar", "Feb", "März", *calendar.month_name[4:]]):
        rows = [
            f"{year},{','.join(map(str, range(year, year + 12)))}" for year in range(2000, 2020)
        ]
        path = tmp_path / "table.csv"
        path.write_text("\n".join([f"Year,{','.join(names)}", *rows]), encoding="utf-8")
        said = refusal(read_unconfigured, str(path))
        assert f"columns '{names[0]}' to '{names[-1]}' are the months of a year; write" in said
        assert read_unconfigured(str(path), targets=[names[0]]).roles.targets == (names[0],)


@pytest.mark.parametrize(
    ("time", "names", "what"),
    [
        ("Year", range(1, 13), "'1' to '12' are the months of a year"),
        ("Jahr", [f"M{month:02}" for month in range(1, 13)], "'M01' to 'M12' are the months"),
        ("year", ["Q1", "Q2", "Q3", "Q4"], "'Q1' to 'Q4' are the quarters of a year"),
        ("ds", [f"H{hour}" for hour in range(24)], "'H0' to 'H23' are the hours of a day"),
        ("ds", [f"{hour:02}:00" for hour in range(24)], "'00:00' to '23:00' are the hours"),
        ("ds", [f"HE{hour}" for hour in range(1, 25)], "'HE1' to 'HE24' are the hours"),
        ("Country", range(1990, 2000), "'1990' to '1999' are the times; write them one"),
        (
            "Country",
            ["Lat", "1/22/20", "1/23/20", "1/24/20"],
            "'1/22/20' to '1/24/20' are the times",
        ),
        ("Month", ["Jan-19", "Feb-19", "Mar-19"], "'Jan-19' to 'Mar-19' are the times"),
        ("Country", [f"d_{day}" for day in range(1, 13)], "'d_1' to 'd_12' are the times, it"),
        ("ds", [f"d_{day}" for day in range(1, 13)], None),
        ("ds", range(1990, 2000), None),
        ("ds", range(1, 13), None),
        ("ds", ["Q1", "Q2", "Q3", "Q4"], None),
        ("ds", range(24), None),
        ("Year", range(1, 12), None),
    ],
)
def test_parts_of_a_row_side_by_side(time, names, what):
    texts = {"ds": DAYS, "Country": ["Chad"] * 20, "Month": ["May"] * 20}
    times = texts.get(time, range(2000, 2020))
    columns = {str(name): [(i * i + n) % 7 for i in range(20)] for n, name in enumerate(names)}
    frame = pd.DataFrame({time: times, **columns})
    if what:
        assert f"data: columns {what}" in refusal(read_unconfigured, frame)
    else:
        assert read_unconfigured(frame).roles.time == time


def test_of_columns_that_tell_series_apart_together_those_of_the_fewest_series_do():
    rows = [
        (day, (i + 4 * shop) % 9, item, shop)
        for shop in (1, 2)
        for item in (10, 20)
        for i, day in enumerate(DAYS)
    ]
    frame = pd.DataFrame(rows, columns=["day", "units", "item", "shop"])
    assert not frame.duplicated(["day", "units", "item"]).any()
    assert read_unconfigured(frame).roles.ids == ("item", "shop")


def test_names_that_differ_by_blanks_are_series_of_their_own(tmp_path):
    rows = [f"{shop},{day},{i}" for shop in ("a", " a", "a ") for i, day in enumerate(DAYS)]
    (tmp_path / "table.csv").write_text("\n".join(["unique_id,ds,y", *rows]))
    assert read_unconfigured(str(tmp_path / "table.csv")).panel.ids == ("a", " a", "a ")


@pytest.mark.filterwarnings("error")
def test_series_of_categories_and_of_bytes():
    frame = pd.DataFrame({"ds": DAYS * 2, "unique_id": ["a"] * 20 + ["b"] * 20, "y": range(40)})
    kinds = pd.CategoricalDtype(["a", "b", "unused"])
    assert read_unconfigured(frame.astype({"unique_id": kinds})).panel.ids == ("a", "b")
    said = refusal(read_unconfigured, frame.assign(unique_id=frame.unique_id.str.encode("ascii")))
    assert said.startswith("data: row 1: column 'unique_id' holds b'a': a bytes; write one")


def test_marks_of_names_are_no_marks_of_numbers(tmp_path):
    rows = [f"{size}g,{day},{i}" for size in (100, 250) for i, day in enumerate(DAYS)]
    (tmp_path / "table.csv").write_text("\n".join(["size,ds,y", *rows]))
    found = read_unconfigured(str(tmp_path / "table.csv"))
    assert (found.roles.ids, found.panel.ids, found.marks) == (("size",), ("100g", "250g"), {})


def test_a_cell_behind_one_that_is_too_long_for_the_line_to_be_told(tmp_path):
    rows = [f"2024-01-{day:02},,{day}" for day in range(1, 21)] + ["2024-01-21,,-"]
    rows[3] = f"2024-01-04,{'x' * 200_000},4"
    table = tmp_path / "long.csv"
    table.write_text("\n".join(["ds,note,y", *rows]))
    message = refusal(read_unconfigured, str(table), targets=("y",))
    assert message.startswith(f"{table}: column 'y' holds '-' among its numbers; mend it")
