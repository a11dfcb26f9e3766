"""Covariates against the encoders of scikit-learn: order, unseen and empty cells, train only."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from forecast.config.covariates import Covariate
from forecast.config.data import DataConfig
from forecast.data.assemble import read_panel
from forecast.data.covariates import (
    FittedCovariate,
    FittedCovariates,
    calendar_columns,
    calendar_values,
    fit_covariates,
)
from forecast.data.panel import Panel
from forecast.errors import ConfigError
from forecast.times.axis import TimeAxis

ROOT = Path(__file__).resolve().parents[2]
ENCODINGS = ("ordinal", "one_hot", "embedding")
LENGTHS = {"a": 9, "b": 14, "c": 6}


def frame_of(seed: int = 0) -> pd.DataFrame:
    """Three series with numbers and categories in every role; b is the only one with `rare`."""
    random = np.random.default_rng(seed)
    tables = []
    for number, (name, length) in enumerate(LENGTHS.items()):
        tables.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2020-01-01", periods=length, freq="D"),
                    "y": random.normal(size=length),
                    "price": random.uniform(1, 9, length),
                    "weather": random.choice(["sun", "rain", "fog"], length),
                    "rate": random.normal(size=length),
                    "promo": random.choice(["none", "tv", "10%"], length),
                    "size": [100.0, 300.0, 900.0][number],
                    "region": ["north", "south", "north"][number],
                }
            )
        )
    frame = pd.concat(tables, ignore_index=True)
    frame.loc[frame.index[9 + 12], "promo"] = "rare"
    return frame


def config_of(encoding: str = "ordinal", calendar: tuple = (), **roles) -> DataConfig:
    category = {"encoding": encoding}
    columns = {
        "past": ["price", {"weather": category}],
        "future": [{"promo": category}, {"rate": {"encoding": "none"}}],
        "static": [{"region": category}, "size"],
        **roles,
    }
    columns = {role: tuple(covariates) for role, covariates in columns.items()}
    return DataConfig(path="-", calendar=calendar, **columns)


def train_rows(panel: Panel, share: float = 0.7) -> np.ndarray:
    ranges = [
        np.arange(first, first + int(share * (last - first)))
        for first, last in pairwise(panel.offsets)
    ]
    return np.concatenate(ranges)


def fitted_on(frame: pd.DataFrame, config: DataConfig) -> tuple[Panel, FittedCovariates]:
    panel = read_panel(config, frame)
    return panel, fit_covariates(config, panel, panel.values, train_rows(panel))


def scikit(encoding: str, train: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """What scikit-learn's encoders make of cells, with code 0 for the unseen."""
    cells = cells.astype(object)[:, None]
    train = train.astype(object)[:, None]
    if encoding == "one_hot":
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train)
        return encoder.transform(cells)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(train)
    codes = encoder.transform(cells) + 1
    return codes / len(encoder.categories_[0]) if encoding == "ordinal" else codes


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("seed", range(3))
def test_columns_are_those_of_scikit_learn_in_the_order_past_future(encoding, seed):
    frame = frame_of(seed)
    panel, fitted = fitted_on(frame, config_of(encoding))
    rows = train_rows(panel)
    scaler = StandardScaler().fit(frame.loc[rows, ["price"]].to_numpy())
    wanted = [
        scaler.transform(frame[["price"]].to_numpy()),
        scikit(encoding, frame["weather"][rows].to_numpy(), frame["weather"].to_numpy()),
        scikit(encoding, frame["promo"][rows].to_numpy(), frame["promo"].to_numpy()),
        frame[["rate"]].to_numpy(),
    ]
    encoded = fitted.encode(panel, panel.values)
    np.testing.assert_allclose(encoded, np.concatenate(wanted, axis=1), rtol=1e-12, atol=1e-12)
    assert len(fitted.past_names) == wanted[0].shape[1] + wanted[1].shape[1]
    assert len(fitted.future_names) == wanted[2].shape[1] + wanted[3].shape[1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_static_columns_are_those_of_scikit_learn(encoding):
    panel, fitted = fitted_on(frame_of(), config_of(encoding))
    regions = np.array(["north", "south", "north"])
    sizes = np.array([[100.0], [300.0], [900.0]])
    wanted = [scikit(encoding, regions, regions), StandardScaler().fit_transform(sizes)]
    encoded = fitted.encode_static(panel)
    np.testing.assert_allclose(encoded, np.concatenate(wanted, axis=1), rtol=1e-12)
    assert len(fitted.static_names) == encoded.shape[1]


def test_names_follow_the_columns():
    config = config_of("one_hot", calendar=("month", "dayofweek"))
    _, fitted = fitted_on(frame_of(), config)
    weather = ("weather=fog", "weather=rain", "weather=sun")
    assert fitted.past_names == ("price", *weather)
    promo = ("promo=10%", "promo=none", "promo=tv")
    calendar = ("month_sin", "month_cos", "dayofweek_sin", "dayofweek_cos")
    assert fitted.future_names == (*promo, "rate", *calendar)
    assert fitted.static_names == ("region=north", "region=south", "size")
    _, fitted = fitted_on(frame_of(), config_of("embedding"))
    assert fitted.past_names == ("price", "weather")


def test_calendar_columns_come_last():
    panel, fitted = fitted_on(frame_of(), config_of(calendar=("month", "dayofweek")))
    encoded = fitted.encode(panel, panel.values)
    assert encoded.shape[1] == len(fitted.past_names) + len(fitted.future_names)
    dates = frame_of()["ds"].dt
    month = 2 * np.pi * (dates.month.to_numpy() - 1) / 12
    day = 2 * np.pi * dates.day_of_week.to_numpy() / 7
    wanted = np.stack([np.sin(month), np.cos(month), np.sin(day), np.cos(day)], axis=1)
    np.testing.assert_allclose(encoded[:, -4:], wanted, atol=1e-12)
    later = panel.extend(np.full((3, 2, 5), np.nan))
    ahead = fitted.encode(later, later.values)[later.offsets[1:] - 1, -2:]
    # The last rows are 11, 16 and 8 January 2020: Saturday, Thursday, Wednesday.
    angles = 2 * np.pi * np.array([5, 3, 2]) / 7
    np.testing.assert_allclose(ahead, np.stack([np.sin(angles), np.cos(angles)], 1), atol=1e-12)


def test_no_covariates_are_no_columns():
    config = DataConfig(path="-")
    panel, fitted = fitted_on(frame_of(), config)
    assert fitted.encode(panel, panel.values).shape == (29, 0)
    assert fitted.encode_static(panel).shape == (3, 0)
    assert fitted.past_names == fitted.future_names == fitted.static_names == ()
    assert fitted.embeddings() == ()


# ------------------------------------------------------------------ unseen and empty


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_category_outside_the_training_rows_has_code_zero(encoding):
    panel, fitted = fitted_on(frame_of(), config_of(encoding))
    promo = fitted.future[0]
    assert promo.categories == ("10%", "none", "tv")  # `rare` stands behind the training rows
    row = 9 + 12
    assert panel.categories["promo"][int(panel.values[row, panel.columns.index("promo")])] == "rare"
    encoded = fitted.encode(panel, panel.values)[row]
    first = len(fitted.past_names)
    np.testing.assert_array_equal(encoded[first : first + len(promo.names)], 0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_empty_cell_has_code_zero_and_is_no_category(encoding):
    frame = frame_of()
    frame.loc[[0, 3, 12], "promo"] = [None, "", np.nan]
    panel, fitted = fitted_on(frame, config_of(encoding))
    promo = fitted.future[0]
    assert promo.categories == ("10%", "none", "tv")
    first = len(fitted.past_names)
    encoded = fitted.encode(panel, panel.values)[:, first : first + len(promo.names)]
    np.testing.assert_array_equal(encoded[[0, 3, 12]], 0)
    assert (np.delete(encoded[: 9 + 12], [0, 3, 12], axis=0).sum(axis=1) > 0).all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_table_with_other_categories_keeps_the_codes(encoding):
    """Level numbers differ from table to table; the names count."""
    _, fitted = fitted_on(frame_of(), config_of(encoding))
    other = frame_of(1)
    other["promo"] = other["promo"].replace({"none": "aaa-new"})
    other["region"] = "west"
    panel = read_panel(config_of(encoding), other)
    frame = frame_of()
    rows = train_rows(read_panel(config_of(encoding), frame))
    wanted = scikit(encoding, frame["promo"][rows].to_numpy(), other["promo"].to_numpy())
    first = len(fitted.past_names)
    encoded = fitted.encode(panel, panel.values)
    np.testing.assert_allclose(encoded[:, first : first + wanted.shape[1]], wanted, rtol=1e-12)
    np.testing.assert_array_equal(fitted.encode_static(panel)[:, :-1], 0)


cells = st.lists(
    st.one_of(st.none(), st.sampled_from(["x", "y", "10", "9", "é", "NA", "True"])),
    min_size=4,
    max_size=25,
)


@given(cells, st.sampled_from(ENCODINGS), st.integers(1, 25))
def test_any_column_of_categories_is_that_of_scikit_learn(column, encoding, count):
    times = pd.date_range("2020-01-01", periods=len(column), freq="D")
    frame = pd.DataFrame({"ds": times, "y": 1.0, "kind": pd.Series(column, dtype=object)})
    config = DataConfig(path="-", past=({"kind": {"encoding": encoding}},))
    panel = read_panel(config, frame)
    count = min(count, len(column))
    fitted = fit_covariates(config, panel, panel.values, np.arange(count))
    encoded = fitted.encode(panel, panel.values)
    assert np.isfinite(encoded).all()
    train = np.array([cell for cell in column[:count] if cell is not None], dtype=object)
    if not len(train):
        assert not encoded.any()
        return
    assert fitted.past[0].categories == tuple(sorted(set(train)))
    named = np.array(["" if cell is None else cell for cell in column], dtype=object)
    np.testing.assert_allclose(encoded, scikit(encoding, train, named), rtol=1e-12)


# ------------------------------------------------------------------ train rows only


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_behind_the_training_rows_is_learned(encoding):
    frame, config = frame_of(), config_of(encoding)
    panel, fitted = fitted_on(frame, config)
    rows = train_rows(panel)
    other = frame.copy()
    later = ~other.index.isin(rows)
    other.loc[later, ["price", "rate"]] = 1e6
    other.loc[later, ["weather", "promo"]] = "0 sorts first"
    _, again = fitted_on(other, config)
    assert again == fitted


def test_a_series_without_training_rows_teaches_no_static_category():
    frame, config = frame_of(), config_of()
    frame.loc[frame["unique_id"] == "c", "region"] = "islands"
    panel = read_panel(config, frame)
    rows = np.concatenate([np.arange(5), np.arange(9, 15)])  # series a and b
    fitted = fit_covariates(config, panel, panel.values, rows)
    region, size = fitted.static
    assert region.categories == ("north", "south")
    assert (size.location, size.scale) == (200.0, 100.0)
    np.testing.assert_allclose(fitted.encode_static(panel), [[0.5, -1], [1, 1], [0, 7]])


# ------------------------------------------------------------------ numbers


def numbers_fitted(values: list[float], rows: np.ndarray, encoding="standardize"):
    times = pd.date_range("2020-01-01", periods=len(values), freq="D")
    frame = pd.DataFrame({"ds": times, "y": 1.0, "x": values})
    config = DataConfig(path="-", frequency="D", past=({"x": {"encoding": encoding}},))
    panel = read_panel(config, frame)
    fitted = fit_covariates(config, panel, panel.values, rows)
    return fitted.past[0], fitted.encode(panel, panel.values)[:, 0]


@given(
    st.lists(
        st.one_of(st.just(np.nan), st.integers(-(10**6), 10**6).map(float)), min_size=3, max_size=20
    ),
    st.integers(1, 20),
)
def test_numbers_are_standardised_like_scikit_learn_and_stay_empty(values, count):
    count = min(count, len(values))
    _, encoded = numbers_fitted(values, np.arange(count))
    column = np.array(values)[:, None]
    np.testing.assert_array_equal(np.isnan(encoded), np.isnan(column[:, 0]))
    if np.isnan(column[:count]).all():
        np.testing.assert_array_equal(encoded, column[:, 0])
        return
    known = column[:count][~np.isnan(column[:count])]
    if known.min() == known.max():  # of which scikit-learn leaves the unit
        expected = (column[:, 0] - known[0]) / (abs(known[0]) or 1)
        np.testing.assert_allclose(encoded, expected, rtol=1e-9, atol=1e-9)
        return
    wanted = StandardScaler().fit(column[:count]).transform(column)[:, 0]
    np.testing.assert_allclose(encoded, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 0.0, 1e9 + 0.1, -7.3])
@pytest.mark.parametrize("count", [1, 3, 10, 24])
def test_a_constant_covariate_is_shifted_not_blown_up(value, count):
    fitted, encoded = numbers_fitted([value] * count + [value + 1], np.arange(count))
    assert fitted.scale == pytest.approx(abs(value) or 1.0)
    np.testing.assert_allclose(encoded, [0.0] * count + [1.0 / fitted.scale], atol=1e-6)


def test_encoding_none_leaves_numbers_alone():
    values = [5.0, np.nan, -3.0, 1e6]
    fitted, encoded = numbers_fitted(values, np.arange(4), "none")
    assert (fitted.location, fitted.scale) == (0.0, 1.0)
    np.testing.assert_array_equal(encoded, values)


# ------------------------------------------------------------------ embeddings


def test_embeddings_name_column_categories_and_width():
    config = config_of(
        "embedding",
        past=("price", {"weather": {"encoding": "embedding", "dimension": 5}}),
        static=({"region": {"encoding": "ordinal"}},),
    )
    _, fitted = fitted_on(frame_of(), config)
    # Three categories and the unseen one; 1 + 3 // 2 = 2 wide unless told otherwise.
    assert fitted.embeddings() == (("weather", 4, 5), ("promo", 4, 2))


@pytest.mark.parametrize(("categories", "width"), [(0, 1), (1, 1), (2, 2), (29, 15), (90, 16)])
def test_the_width_of_an_embedding_grows_to_sixteen(categories, width):
    option = Covariate(name="shop", encoding="embedding")
    names = tuple(f"{number:02}" for number in range(categories))
    fitted = FittedCovariates((FittedCovariate(option, categories=names),), (), (), ())
    assert fitted.embeddings() == (("shop", categories + 1, width),)


# ------------------------------------------------------------------ no scikit-learn


@pytest.mark.usefixtures("without_fitting")
def test_encoding_does_not_import_scikit_learn():
    shop = FittedCovariate(Covariate(name="shop", encoding="ordinal"), categories=("a", "b"))
    price = FittedCovariate(Covariate(name="price"), 2.0, 4.0)
    columns = [
        shop.encode(np.array([0.0, 1.0, 2.0, np.nan]), ("b", "c", "a")),
        price.encode(np.array([2.0, 6.0, 0.0, 4.0]), ()),
    ]
    encoded = np.concatenate(columns, axis=1).tolist()
    assert encoded == [[1.0, 0.0], [0.0, 1.0], [0.5, -0.5], [0.0, 0.5]]


# ------------------------------------------------------------------ calendar waves


def axis_from(date, frequency, timezone=None) -> TimeAxis:
    return TimeAxis(pd.Timestamp(date, tz=timezone).value, frequency, timezone)


def waves(turns) -> list[float]:
    return [wave(2 * math.pi * turn) for turn in turns for wave in (math.sin, math.cos)]


def turn_of(name, date) -> float:
    """The part of the period that has passed, by the standard library."""
    day_of_year = date.timetuple().tm_yday
    return {
        "minute": date.minute / 60,
        "hour": (60 * date.hour + date.minute) / 1440,
        "dayofweek": date.weekday() / 7,
        "day": (date.day - 1) / 31,
        "dayofyear": (day_of_year - 1) / 366,
        "week": (date.isocalendar().week - 1) / 53,
        "month": (date.month - 1) / 12,
        "quarter": (date.month - 1) // 3 / 4,
    }[name]


@pytest.mark.parametrize(
    ("name", "date", "turn"),
    [
        *[("minute", "2024-05-01 07:00", 0), ("minute", "2024-05-01 07:45", 0.75)],
        *[("hour", "2024-05-01 06:00", 0.25), ("hour", "2024-05-01 21:30", 21.5 / 24)],
        *[("dayofweek", "2024-01-01", 0), ("dayofweek", "2024-01-07", 6 / 7)],
        *[("day", "2024-01-01", 0), ("day", "2024-01-31", 30 / 31)],
        *[("dayofyear", "2024-01-01", 0), ("dayofyear", "2024-12-31", 365 / 366)],
        *[
            ("week", "2024-01-01", 0),
            ("week", "2020-12-31", 52 / 53),
            ("week", "2021-01-01", 52 / 53),
        ],
        *[
            ("month", "2024-01-31", 0),
            ("month", "2024-04-30", 0.25),
            ("month", "2024-12-31", 11 / 12),
        ],
        *[
            ("quarter", "2024-03-31", 0),
            ("quarter", "2024-04-01", 0.25),
            ("quarter", "2024-12-31", 0.75),
        ],
    ],
)
def test_turns_by_hand(name, date, turn):
    values = calendar_values(axis_from(date, "min"), np.array([0]), [name])
    np.testing.assert_allclose(values, [waves([turn])], rtol=0, atol=1e-12)


def test_hours_are_those_of_the_zone():
    axis = axis_from("2024-03-31 00:00", "h", "Europe/Berlin")
    values = calendar_values(axis, np.arange(4), ["hour"])
    np.testing.assert_allclose(
        values, [waves([hour / 24]) for hour in (0, 1, 3, 4)], rtol=0, atol=1e-12
    )


def test_positions_beyond_the_data_and_repeated_ones():
    axis = axis_from("2024-01-01", "MS")
    values = calendar_values(axis, np.array([1203, 0, 1203, 3]), ["month"])
    np.testing.assert_allclose(
        values, [waves([turn]) for turn in (0.25, 0, 0.25, 0.25)], rtol=0, atol=1e-12
    )


def test_columns_are_named_in_the_order_of_values():
    assert calendar_columns(["hour", "month"]) == ("hour_sin", "hour_cos", "month_sin", "month_cos")
    assert calendar_columns([]) == ()
    values = calendar_values(axis_from("2024-04-01 06:00", "h"), np.array([0]), ["hour", "month"])
    np.testing.assert_allclose(values, [[1, 0, 1, 0]], rtol=0, atol=1e-12)


def test_no_names_or_no_positions():
    axis = axis_from("2024-01-01", "MS")
    assert calendar_values(axis, np.arange(3), []).shape == (3, 0)
    assert calendar_values(axis, np.arange(0), ["month", "quarter"]).shape == (0, 4)
    assert calendar_values(TimeAxis(1700, 1), np.arange(3), []).shape == (3, 0)


def test_integer_times_have_no_calendar():
    with pytest.raises(ConfigError) as caught:
        calendar_values(TimeAxis(1700, 1), np.arange(3), ["month"])
    assert str(caught.value) == (
        "data.calendar: 'month' needs dates, but the times are integers; set data.time_format, or"
        " leave data.calendar out"
    )
