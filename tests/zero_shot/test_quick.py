"""A forecast without configuration and training, on tables of every kind."""

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.errors import DataError
from forecast.zero_shot import methods, quick
from tests.helpers import wave_table

TABLE = wave_table(72, "2015-01-01", "MS", period=12, level=50, noise=1.0, seed=3)


def test_a_frame_gives_a_forecast_with_intervals_scores_and_weights():
    found = forecast.quick(TABLE, horizon=6)
    table = found.forecast
    assert list(table) == ["ds", "target", "forecast", "lo-95", "lo-80", "hi-80", "hi-95"]
    ends = table[["lo-95", "lo-80", "forecast", "hi-80", "hi-95"]].to_numpy()
    assert (np.diff(ends, axis=1) > 0).all()
    assert table.ds.tolist() == pd.date_range("2021-01-01", freq="MS", periods=6).tolist()
    assert sum(found.weights["y"].values()) == pytest.approx(1)
    assert {"pretrained", "theta", "ets", "seasonal_naive"} <= set(found.scores)
    assert found.scores["pretrained"]["MASE"] < found.scores["naive"]["MASE"]
    assert found.verdict.startswith("pretrained is")


def test_the_horizon_follows_from_the_season():
    found = forecast.quick(TABLE, folds=0, partners=())
    assert (len(found.forecast), found.season, found.windows) == (12, 12, 0)
    assert found.weights == {"y": {"pretrained": 1.0}}
    assert found.verdict.startswith("Not judged")


def test_what_comes_later_changes_no_score_of_an_earlier_origin():
    """Scores rest on held-out rows: the forecast after row 60 knows nothing of rows 61 to 72."""
    shorter = forecast.quick(TABLE.head(60), horizon=12, folds=0, partners=("theta",))
    longer = forecast.quick(TABLE, horizon=12, folds=1, partners=("theta",))
    error = np.abs(shorter.forecast.forecast.to_numpy() - TABLE.y.to_numpy()[60:]).mean()
    assert longer.scores["pretrained"]["MAE"] == pytest.approx(error, rel=1e-4)


def test_partners_count_where_the_errors_of_many_series_speak_for_them(monkeypatch):
    """The network is made to miss: theta and ets then carry the forecast."""
    found = forecast.quick(panel_of({f"s{n}": 30 for n in range(12)}), horizon=2)
    assert found.weights["y"]["pretrained"] > 0

    real = methods.zero_shot
    monkeypatch.setattr(methods, "zero_shot", lambda *given, **told: real(*given, **told) + 1000)
    found = forecast.quick(panel_of({f"s{n}": 30 for n in range(12)}), horizon=2)
    assert found.weights["y"]["pretrained"] == 0
    assert found.verdict.startswith("combination is")
    assert found.scores["combination"]["MAE"] < 10
    assert (found.forecast.forecast < 200).all()


def test_a_large_table_is_left_to_the_network(monkeypatch, caplog):
    monkeypatch.setattr(quick, "MOST_ROWS", 71)
    with caplog.at_level("INFO", "forecast"):
        found = forecast.quick(TABLE, horizon=2)
    assert [*found.weights["y"]] == ["pretrained"]
    assert "72 rows: without theta ets, to be quick; --partners theta ets asks them" in caplog.text


def weeks_of_hours(weeks, series=1):
    """Hours of shops that are closed at weekends, each with a level of its own."""
    random, hours = np.random.default_rng(5), np.arange(weeks * 168)
    is_open = (hours % 168 < 120) & (hours % 24 > 7)
    times = pd.date_range("2024-01-01", freq="h", periods=len(hours))
    return pd.concat(
        pd.DataFrame(
            {
                "unique_id": f"s{n}",
                "ds": times,
                "y": level * is_open + random.normal(9, 1, len(hours)),
            }
        )
        for n, level in enumerate(np.linspace(20, 40, series))
    )


def test_weeks_of_hours_are_learned_from_the_table_and_judged_on_later_rows():
    table = weeks_of_hours(10, series=3)
    friday = table.groupby("unique_id").head(9 * 168 + 5 * 24)
    found = forecast.quick(friday, horizon=24, folds=8)
    assert [*found.weights["y"]] == ["pretrained", "theta", "ets", "ridge"]
    assert found.weights["y"]["ridge"] >= 0.3
    assert found.scores["ridge"]["MASE"] < 0.8 * found.scores["pretrained"]["MASE"]
    assert found.forecast.forecast.max() < 20  # the next day is a Saturday


def test_no_series_learns_from_rows_that_are_judged_in_it_or_in_others_that_end_with_it(
    monkeypatch,
):
    asked = []
    real = methods.ridge_until
    monkeypatch.setattr(
        methods, "ridge_until", lambda *given: asked.append(given[1]) or real(*given)
    )
    late = weeks_of_hours(8).tail(1000).assign(unique_id="t0")
    table = pd.concat([weeks_of_hours(8), late])  # rows of s0, then of t0
    forecast.quick(table, horizon=24, partners=("ridge",), folds=2)
    rows = asked[0] - np.array([0, 8 * 168])
    first = table.ds[table.unique_id == "s0"].iloc[-1] - pd.Timedelta(hours=48)
    assert table.ds[table.unique_id == "s0"].iloc[rows[0]] == first
    assert late.ds.iloc[rows[1]] == first


def test_the_season_of_a_history_of_one_season_is_not_believed():
    """Else nothing would be left without it, and the intervals had no width."""
    months = pd.date_range("2020-01-01", freq="MS", periods=13)
    long = wave_table(72, "2015-01-01", "MS", period=12, level=50, noise=3.0, seed=1)
    short = pd.DataFrame({"ds": months, "y": np.random.default_rng(0).normal(50, 3, 13)})
    table = pd.concat([long.assign(unique_id=f"l{n}") for n in range(3)], ignore_index=True)
    table = pd.concat([table, short.assign(unique_id="short")], ignore_index=True)
    found = forecast.quick(table, horizon=3).forecast
    widths = (found["hi-80"] - found["lo-80"])[found.unique_id == "short"]
    assert (widths > 2).all()


def test_three_values_have_intervals_as_wide_as_those_of_a_walk():
    """One of many methods fits them exactly; the intervals then had hardly any width."""
    table = pd.DataFrame({"t": [1, 2, 3], "y": [10.0, 14.0, 12.0]})
    found = forecast.quick(table, time="t", horizon=4).forecast
    walk = 2 * 1.2816 * 1.25 * 2 * np.sqrt([1, 2, 3, 4])
    assert (found["hi-80"] - found["lo-80"] >= 0.999 * walk).all()


def panel_of(lengths: dict[str, int]) -> pd.DataFrame:
    """Yearly series of different lengths that end in different years."""
    generator = np.random.default_rng(1)
    frames = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": np.arange(2000, 2000 + rows),
                "y": 20 + generator.normal(size=rows).cumsum(),
            }
        )
        for name, rows in lengths.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_each_series_is_forecast_from_its_own_end(caplog):
    table = panel_of({"long": 30, "short": 12, "three": 3, "one": 1})
    found = forecast.quick(table, horizon=2).forecast
    assert found.groupby("unique_id", sort=False).ds.apply(list).to_dict() == {
        "long": [2030, 2031],
        "short": [2012, 2013],
        "three": [2003, 2004],
        "one": [2001, 2002],
    }
    alone = found[found.unique_id == "one"]
    assert alone.forecast.tolist() == [table.y.iloc[-1]] * 2
    assert alone["lo-80"].isna().all()
    assert found[found.unique_id == "three"]["lo-80"].notna().all()
    assert "1 series with fewer than 3 known values: the last one goes on" in caplog.text
    assert "(one)" in caplog.text


def test_a_series_without_a_value_is_left_out_by_name(caplog):
    table = panel_of({"known": 20, "empty": 5})
    table.loc[table.unique_id == "empty", "y"] = np.nan
    assert set(forecast.quick(table, horizon=1).forecast.unique_id) == {"known"}
    assert "1 series without a known value: not forecast (empty)" in caplog.text


@pytest.mark.parametrize(
    "values",
    [
        np.full(30, 7.0),
        np.zeros(30),
        np.r_[np.zeros(20), 1, np.zeros(9)],
        1e37 * np.sin(np.arange(30.0)),
        1e-300 * np.arange(1.0, 31),
        np.where(np.arange(30) % 4 == 1, np.nan, np.arange(30.0)),
        np.r_[np.arange(25.0), np.full(5, np.nan)],
        np.arange(3.0),
    ],
    ids=["constant", "zeros", "lone", "huge", "tiny", "gaps", "unknown end", "three rows"],
)
def test_odd_values_give_finite_forecasts(values):
    table = pd.DataFrame({"time": np.arange(len(values)), "y": values})
    found = forecast.quick(table, horizon=4, target="y").forecast
    numbers = found.drop(columns=["time", "target"]).to_numpy()
    assert numbers.shape == (4, 5)
    assert np.isfinite(numbers).all()
    assert (np.diff(numbers[:, [1, 2, 0, 3, 4]], axis=1) >= 0).all()


def test_counts_are_never_forecast_below_zero():
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"t": np.arange(60), "y": generator.poisson(0.4, 60).astype(float)})
    found = forecast.quick(table, time="t", horizon=8).forecast
    assert (found[["forecast", "lo-95", "lo-80"]] >= 0).all(axis=None)
    shifted = table.assign(y=table.y - 3)
    assert (forecast.quick(shifted, time="t", horizon=8).forecast["lo-95"] < -3).any()


def test_several_targets_each_have_their_forecast():
    table = pd.DataFrame(
        {"ds": pd.date_range("2020-01-01", periods=40), "a": np.arange(40.0), "b": 5.0}
    )
    table.loc[7, "b"] = 9.0
    found = forecast.quick(table, horizon=3).forecast
    assert found.target.tolist() == ["a"] * 3 + ["b"] * 3
    np.testing.assert_allclose(found.forecast[:3], [40, 41, 42], atol=1)


def test_a_table_without_any_value_is_refused():
    table = pd.DataFrame({"t": np.arange(5), "y": np.nan})
    with pytest.raises(DataError, match="no known value to forecast from"):
        forecast.quick(table, time="t", target="y")


def missing_is_said(caplog, table, **options):
    caplog.clear()
    forecast.quick(table, horizon=1, folds=0, partners=(), **options)
    return [line for line in caplog.messages if "without a value" in line]


def test_rows_without_a_value_are_counted_and_a_frequency_that_made_them_is_named(caplog):
    hours = pd.date_range("2024-01-01", periods=30, freq="h")
    table = pd.DataFrame({"ds": hours, "y": np.sin(np.arange(30.0))})
    goes_on = "without a value: the last one before is carried on"
    assert missing_is_said(caplog, table) == []
    assert missing_is_said(caplog, table, frequency="h") == []
    assert missing_is_said(caplog, table, frequency="30min") == [
        f"29 rows of 59 (frequency 30min) {goes_on};"
        " no two rows are one step apart: leave the frequency to be found by the times"
    ]
    table.loc[3, "y"] = np.nan
    assert missing_is_said(caplog, table.drop(index=[10, 11]), frequency="h") == [
        f"2 rows of 30 and 1 empty cells (frequency h) {goes_on};"
        " if the times are local, give their timezone"
    ]


def test_columns_that_may_be_meant_are_named_where_they_are_not_forecast(caplog):
    """Sales with an odd cell beside temperatures, and more columns than are forecast at once."""
    numbers = {f"x{n}": np.arange(40.0) * (n + 3) % 17 for n in range(9)}
    table = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=40), **numbers})
    table["sold"] = ["-" if day == 7 else str(day * day % 13) for day in range(40)]
    forecast.quick(table, horizon=1, folds=0, partners=())
    assert "not forecast: column 'sold' holds '-' among its numbers; mend it" in caplog.text
    assert "not forecast: x7, x8; 7 others are; name those that are wanted" in caplog.text
    caplog.clear()
    forecast.quick(table, target="x1", horizon=1, folds=0, partners=())
    assert "not forecast" not in caplog.text
