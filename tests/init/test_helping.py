"""Columns that help: their encodings, and what `auto` takes for which role."""

import numpy as np
import pandas as pd
import pytest

from forecast.init.helping import Columns, encoded
from forecast.tables.frames import as_frame
from tests.proposed import propose, read_unconfigured

ROWS = 60
NOISE = np.random.default_rng(3).normal(size=ROWS)
DAYS = pd.date_range("2024-01-01", periods=ROWS)


def shop(**columns):
    return pd.DataFrame({"ds": DAYS, "y": NOISE.cumsum(), **columns})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (NOISE, "c"),
        (np.arange(ROWS), "c"),
        (NOISE > 0, {"c": {"encoding": "one_hot"}}),
        (np.where(NOISE > 0, "a", "b"), {"c": {"encoding": "one_hot"}}),
        ([f"kind {number % 30}" for number in range(ROWS)], {"c": {"encoding": "embedding"}}),
    ],
)
def test_texts_and_truth_values_are_categories(cells, expected):
    assert encoded(shop(c=cells), "c") == expected


def test_auto_takes_each_column_for_the_role_that_its_values_allow():
    frame = shop(
        price=NOISE,
        holiday=NOISE > 1,
        weather=np.where(np.arange(ROWS) < ROWS - 7, NOISE, np.nan),
        always=1,
        remark=[f"note {number}" for number in range(ROWS)],
        gaps=np.where(np.arange(ROWS) < ROWS / 2, NOISE, np.nan),
    )
    frame.loc[ROWS - 7 :, "y"] = np.nan
    free = [*frame.columns[2:]]
    asked = {"past": ("auto",), "future": ("auto",)}
    holiday = {"holiday": {"encoding": "one_hot"}}
    assert Columns.of(frame, ()).helping(["y"], free, asked) == {
        "past": ("weather",),
        "future": ("price", holiday),
    }
    assert Columns.of(frame, ()).helping(["y"], free, {"past": ("auto",)})["past"] == (
        *("price", holiday, "weather"),
    )
    known = frame.iloc[: ROWS - 7]
    assert Columns.of(known, ()).helping(["y"], free, {"future": ("auto",)}) == {}
    assert Columns.of(frame, ()).helping(["y"], free, {"future": ("price",)}) == {
        "future": ("price",)
    }


def test_auto_takes_what_never_changes_within_a_series_for_static():
    frame = pd.concat([shop(id=name, region=name == "a", t=NOISE) for name in "abc"])
    found = Columns.of(frame, ["id"]).helping(["y"], ["region", "t"], {"past": ("auto",)})
    assert found == {"past": ("t",), "static": ({"region": {"encoding": "one_hot"}},)}


def test_a_column_that_is_called_auto_is_a_column():
    columns = Columns.of(shop(auto=NOISE, x=NOISE), ())
    found = columns.helping(["y"], ["auto", "x"], {"past": ("auto",)})
    assert found == {"past": ("auto",)}


def test_columns_with_long_empty_runs_are_named_and_others_not():
    long, short = NOISE.copy(), NOISE.copy()
    long[10:30], short[::7] = np.nan, np.nan
    frame = shop(long=long, short=short)
    assert Columns.of(frame, ()).with_long_gaps(["y", "long", "short"]) == ["long"]
    ahead = pd.concat([frame, shop(y=np.nan, long=np.nan, short=np.nan)])
    assert Columns.of(ahead, ()).with_long_gaps(["y", "long", "short"]) == ["long"]
    found = read_unconfigured(as_frame(frame.rename(columns={"y": "a"})))
    assert found.roles.targets == ("a", "short")
    assert found.roles.gappy == ("long",)


def test_seven_columns_are_forecast_and_others_are_named():
    frame = shop(**{f"c{number}": NOISE + number for number in range(9)}).drop(columns="y")
    text = propose(frame)
    assert "target: [c0, c1, c2, c3, c4, c5, c6]" in text
    assert "# may be forecast as well: c7, c8; by default 7 at most are" in text


def test_a_proposal_names_what_it_leaves_out_and_quotes_odd_names():
    gap = np.where(np.arange(ROWS) < 30, NOISE, np.nan)
    frame = shop(a=gap, **{"is: it\x1b[1m": NOISE > 0}).rename(columns={"y": "z"})
    text = propose(frame, helping={"past": ["auto"]})
    assert "# left out, for long runs are empty: a\n" in text
    assert 'past: [{"is: it\\e[1m": {encoding: one_hot}}]' in text


def test_a_column_that_begins_to_change_late_is_no_target_beside_others():
    late = np.where(np.arange(ROWS) < 45, 7.0, NOISE)
    assert read_unconfigured(
        as_frame(shop(late=late, b=NOISE).drop(columns="y"))
    ).roles.targets == ("b",)
    assert read_unconfigured(as_frame(shop(late=late).drop(columns="y"))).roles.targets == ("late",)


def test_a_column_with_empty_cells_does_not_name_the_series():
    frame = pd.concat(
        [shop(id=name, region=region) for name, region in zip("abc", "nss", strict=True)]
    )
    frame["region"] = frame["region"].mask(frame["id"] == "c")
    assert read_unconfigured(as_frame(frame)).roles.ids == ("id",)


def test_columns_that_end_some_rows_before_the_others_are_the_targets():
    """Their last rows are the future, with the others known over it, and no gap to be filled."""
    late = np.where(np.arange(ROWS) < ROWS - 4, NOISE.cumsum() + 50, np.nan)
    whole = {"price": NOISE, "cost": NOISE**2, "promo": np.where(NOISE > 0, "yes", "no")}
    frame = pd.DataFrame({"ds": DAYS, "sold": late, "lost": late + 1, **whole})
    found = read_unconfigured(frame)
    assert found.roles.targets == ("sold", "lost")
    assert (found.roles.further, found.roles.ahead) == ((), ("price", "cost", "promo"))
    assert read_unconfigured(frame, targets=("sold",)).roles.ahead == ("price", "cost", "promo")
    assert len(found.panel.values) == ROWS - 4
    helped = read_unconfigured(frame, helping={"future": ("auto",)})
    promo = {"promo": {"encoding": "one_hot"}}
    assert helped.roles.helping == {"future": ("price", "cost", promo)}
    panel = pd.concat([frame.assign(shop=name) for name in "ab"])
    assert read_unconfigured(panel).roles.targets == ("sold", "lost")
    for other in (
        frame.assign(lost=np.where(np.arange(ROWS) < ROWS - 9, late, np.nan)),  # another end
        frame.assign(sold=NOISE, lost=np.append(NOISE[:-1], np.nan)),  # one row, which may be late
        pd.concat([frame.assign(shop="a"), frame.assign(shop="b", sold=NOISE, lost=NOISE)]),
    ):
        assert "price" in read_unconfigured(other).roles.targets
