"""`forecast config init`: proposals for tables of all kinds, which check and train as they are."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.check import inspect
from forecast.config.tree import Config, read_config
from forecast.errors import ConfigError, DataError
from forecast.experiment import train
from forecast.init import unconfigured
from forecast.init.roles import MOST_TARGETS
from forecast.init.unconfigured import as_argument, as_flag, options_named
from forecast.prepare import prepare
from tests.proposed import propose

DATA = Path(__file__).parents[2] / "data"


def written(tmp_path, frame: pd.DataFrame, name: str = "table.csv", **options) -> Path:
    path = tmp_path / name
    frame.to_csv(path, index=False, **options)
    return path


def config_of(path: Path, **choices) -> Config:
    """What `read_config` makes of the proposal."""
    file = path.parent / "proposed.yaml"
    file.write_text(propose(str(path), **choices), encoding="utf-8")
    return read_config(file, ["device=cpu"])


def read(path: Path, **choices) -> Config:
    """The proposed configuration, whose table was read by it and holds windows to learn from.

    Enough where a proposal is about how a table is written; `checked` and `checked_and_trained`
    are for what differs in windows and networks.
    """
    config = config_of(path, **choices)
    assert len(prepare(config).windows["train"])
    return config


def checked(path: Path, **choices) -> Config:
    """The proposed configuration, which has passed `check`, a few real steps among it.

    Partners and intervals are left out, and batches small, for speed: they have their own tests.
    """
    config = config_of(path, **choices)
    left_out = {"partners": (), "intervals": config.intervals.model_copy(update={"levels": ()})}
    left_out["training"] = config.training.model_copy(update={"batch_size": 8})
    config = config.model_copy(update=left_out)
    assert inspect(config).get("problem") is None
    return config


def checked_and_trained(path: Path, **choices) -> Config:
    """The same, which has been trained for two epochs as well."""
    config = checked(path, **choices)
    training = {"epochs": 2, "epoch_windows": 16, "learning_rate": 0.01, "ensemble": 1}
    training["refit"] = False  # the same once more
    short = config.model_copy(update={"training": config.training.model_copy(update=training)})
    epochs = [progress.epoch for progress in train(short) if not progress.is_again]
    # One, where validation is too short to say anything against the pretrained network.
    assert len(epochs) == 2 or (len(epochs) == 1 and config.model.start == "pretrained")
    assert all(np.isfinite(epoch.monitored) for epoch in epochs)
    return config


def series(count: int, frequency: str = "D", start: str = "2020-01-01", seed: int = 0):
    """A table of times `ds` and noise `y`."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=count, freq=frequency)
    return pd.DataFrame({"ds": times, "y": rng.normal(10, 1, count).round(3)})


def panel(name: str = "shop", lengths: tuple[int, ...] = (90, 80, 30)) -> pd.DataFrame:
    frames = [
        series(length, seed=number).assign(**{name: f"00{number}", "price": 1.5 + number})
        for number, length in enumerate(lengths)
    ]
    return pd.concat(frames)[[name, "ds", "y", "price"]]


def hourly(count: int, targets: int = 7) -> pd.DataFrame:
    """Like ETTh1: hours and several columns with a daily swing."""
    rng = np.random.default_rng(0)
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"][:targets]
    swing = np.sin(2 * np.pi * np.arange(count) / 24)
    times = pd.date_range("2016-07-01", periods=count, freq="h")
    columns = {name: (swing + rng.normal(0, 0.3, count)).round(4) for name in names}
    return pd.DataFrame({"date": times, **columns})


def with_covariate(tmp_path, frame: pd.DataFrame) -> Config:
    """What is proposed where a column helps, which the pretrained network would not read."""
    path = written(tmp_path, frame.assign(helps=np.arange(len(frame)) % 9), "helped.csv")
    return config_of(path, helping={"past": ["helps"]})


def transform_names(config: Config) -> list[str]:
    return [option.key() for option in config.transforms]


def test_the_whole_text_for_air_passengers(monkeypatch):
    monkeypatch.chdir(DATA.parent)
    assert propose("data/air_passengers.csv").splitlines() == [
        "# 144 rows, frequency MS, season of 12 rows.",
        "data:",
        "  path: data/air_passengers.csv",
        "  time: month",
        "  target: passengers",
        "  frequency: MS",
        "  missing: error",
        "transforms: []",
        "split: {validation: 14, test: 28}  # rows at the end of each series",
        "window: {lookback: 132, horizon: 12, least_history: 3}",
        "model: {start: pretrained}",
        "partners: [theta, ets]",
        "training:",
        "  loss: mae",
        "  learning_rate: 0.0003",
        "  schedule: cosine",
        "  batch_size: 64",
        "  epochs: 10",
        "  early_stopping: {patience: 3}",
        "  averaging: ema",
        "  clip_norm: 1",
        "  refit: true",
    ]


def test_a_table_with_covariates_gets_a_network_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(DATA / "air_passengers.csv")
    written(tmp_path, table.assign(helps=range(len(table))))
    text = propose("table.csv", helping={"past": ["helps"]})
    assert text.splitlines()[-6:] == [
        "transforms: [log, {difference: {lag: 12}}, standardize]",
        "split: {validation: 14, test: 28}  # rows at the end of each series",
        "window: {lookback: 24, horizon: 12}",
        "model: {hidden_size: auto, segment: 12, head: parallel}",
        "partners: [pretrained, theta, ets]",
        "training: {learning_rate: 0.003, epochs: 100, early_stopping: {patience: 20},"
        " ensemble: 3}",
    ]


def test_a_large_table_gets_segments_and_sections_of_several_lines(tmp_path):
    path = written(tmp_path, hourly(2000))
    config = config_of(path, horizon=96)
    assert (config.window.lookback, config.model.segment) == (432, 24)
    assert transform_names(config) == ["standardize"]
    text = propose(str(path), horizon=96)
    assert "\nmodel:\n  hidden_size: 128\n  embedding_size: 256\n  segment: 24\n" in text
    assert "  ensemble: [{}, {model.linear_skip: segment}]\n" in text
    assert "\ntraining:\n  loss: mae\n" in text


@pytest.mark.parametrize(
    ("file", "time", "targets", "frequency", "missing", "horizon"),
    [
        ("air_passengers", "month", 1, "MS", "error", 12),
        ("co2", "week", 1, "W-SAT", "interpolate", 13),
        ("macro", "quarter", MOST_TARGETS, "QS-JAN", "error", 8),
        ("sunspots", "year", 1, 1, "error", 11),
    ],
)
def test_bundled_tables(
    tmp_path, file: str, time: str, targets: int, frequency: str | int, missing: str, horizon: int
):
    path = tmp_path / f"{file}.csv"
    path.write_bytes((DATA / f"{file}.csv").read_bytes())
    config = checked_and_trained(path)
    assert (config.data.time, len(config.data.target)) == (time, targets)
    assert (config.data.frequency, config.data.missing) == (frequency, missing)
    assert config.window.horizon == horizon


def test_a_wide_hourly_table_gets_all_its_columns_and_a_week_to_look_back(tmp_path):
    path = written(tmp_path, hourly(600))
    config = config_of(path)
    assert config.data.target == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    assert config.data.frequency == "h"
    assert (config.window.lookback, config.window.horizon) == (504, 24)
    config = with_covariate(tmp_path, hourly(600))
    assert (config.window.lookback, config.window.horizon) == (168, 24)
    assert config.model.channels == "independent"
    assert [(o.key(), getattr(o, "lag", None)) for o in config.transforms] == [
        ("difference", 24),
        ("standardize", None),
    ]
    checked_and_trained(written(tmp_path, hourly(200, targets=2)))


def dated(**columns):
    """Daily rows with a date, a month, and a later date."""
    frame = series(60)
    later = frame["ds"] + pd.Timedelta(days=900)
    return frame.assign(month=frame["ds"].dt.month, noted=later).rename(columns=columns)


MANY = {f"x{n}": np.sin(np.arange(60) + n).round(2) for n in range(MOST_TARGETS + 5)}
MONTHS = pd.date_range("2020-01-01", periods=48, freq="MS").strftime("%Y%m").astype(int)
FOUND = {
    "more columns than a model should forecast": (
        series(60).drop(columns="y").assign(**MANY),
        {},
        {"target": tuple(MANY)[:MOST_TARGETS]},
    ),
    "ids that are whole numbers": (
        panel().assign(shop=lambda table: table["shop"].astype(int), visits=range(200)),
        {},
        {"id": "shop"},
    ),
    "words before whole numbers": (
        panel().assign(number=lambda table: table["shop"].astype(int)),
        {},
        {"id": "shop"},
    ),
    "the default id of a single series": (panel("unique_id", (60,)), {}, {"id": "unique_id"}),
    "words that tell no rows apart": (
        panel().assign(country="Chile")[["country", "shop", "ds", "y"]],
        {},
        {"id": "shop"},
    ),
    "missing rows": (series(60).drop(index=[5, 20, 21]), {}, {"missing": "interpolate"}),
    "rows that are not in time order": (series(60).iloc[::-1], {}, {"sort": True}),
    "series one after the other": (panel(), {}, {"sort": False}),
    "years": (
        series(60).assign(year=np.arange(1960, 2020)).drop(columns="ds"),
        {},
        {"time": "year", "frequency": 1},
    ),
    "dates with a known name before other dates": (dated(ds="Date"), {}, {"time": "Date"}),
    "dates before known names": (dated(ds="when").drop(columns="noted"), {}, {"time": "when"}),
    "hours beside their day": (
        hourly(60, 1)
        .assign(day=lambda t: t["date"].dt.date)
        .rename(columns={"date": "ts", "day": "date"}),
        {},
        {"time": "ts", "id": "unique_id", "target": ("HUFL",), "frequency": "h"},
    ),
    "numbers that change": (
        series(60).rename(columns={"y": "sales"}).assign(constant=3, note="x", empty=np.nan),
        {},
        {"target": ("sales",)},
    ),
    "choices of the user": (
        panel().assign(
            updated=lambda table: table["ds"], area=lambda table: table["shop"], price=range(200)
        ),
        {"time": "updated", "ids": ["area"], "targets": ["price", "y"], "horizon": 5},
        {"time": "updated", "id": "area", "target": ("price", "y"), "horizon": 5},
    ),
    "numbers that are times by their format": (
        series(48).drop(columns="ds").assign(when=MONTHS),
        {"time_format": "%Y%m"},
        {"time": "when", "frequency": "MS"},
    ),
    "a season too long for windows": (series(3000, "min"), {}, {"lookback": 2904, "horizon": 96}),
}


@pytest.mark.parametrize("name", FOUND)
def test_columns_are_found_by_their_names_and_values(tmp_path, name):
    frame, choices, wanted = FOUND[name]
    config = config_of(written(tmp_path, frame), **choices)
    found = dict(config.data) | dict(config.window)
    assert {key: found[key] for key in wanted} == wanted


def test_parquet_with_an_index_of_times_is_read(tmp_path):
    path = tmp_path / "table.parquet"
    hourly(200, targets=1).set_index("date").to_parquet(path)
    config = read(path)
    assert (config.data.time, config.data.target) == ("date", ("HUFL",))


def test_a_long_panel_has_ids_one_target_and_pads_its_short_series(tmp_path):
    config = checked_and_trained(written(tmp_path, panel()))
    assert (config.data.id, config.data.time, config.data.target) == ("shop", "ds", ("y",))
    assert (config.data.short_series, config.window.least_history) == ("error", 3)
    tiny = checked_and_trained(written(tmp_path, panel(lengths=(90, 80, 5))))
    assert (tiny.data.short_series, tiny.window.least_history) == ("skip", 3)
    equal = with_covariate(tmp_path, panel(lengths=(80, 80)))
    assert (equal.data.short_series, equal.window.least_history) == ("error", None)
    assert "# 2 series of 80 rows (median), frequency D, season of 7 rows." in propose(
        str(written(tmp_path, panel(lengths=(80, 80))))
    )


@pytest.mark.parametrize(
    ("separator", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("|", ",")]
)
def test_other_separators_and_decimal_marks(tmp_path, separator, decimal):
    path = written(tmp_path, series(60), sep=separator, decimal=decimal)
    config = read(path)
    assert (config.data.separator, config.data.decimal) == (separator, decimal)


def test_integer_times_get_the_season_seen_in_their_values(tmp_path):
    rng = np.random.default_rng(0)
    swing = 5 * np.sin(2 * np.pi * np.arange(120) / 10)
    frame = pd.DataFrame({"step": range(120), "y": (swing + rng.normal(0, 0.3, 120)).round(3)})
    config = checked(written(tmp_path, frame), time="step")
    assert (config.data.season, config.window.horizon) == (10, 10)
    frame["y"] = rng.normal(0, 1, 120).round(3)
    assert config_of(written(tmp_path, frame), time="step").data.season == "auto"


def test_a_season_is_not_read_off_the_test_part(tmp_path):
    values = np.random.default_rng(1).normal(0, 0.1, 200)
    values[150:] += 50 * np.sin(2 * np.pi * np.arange(50) / 5)
    frame = pd.DataFrame({"step": range(200), "y": values.round(3)})
    assert config_of(written(tmp_path, frame), time="step").data.season == "auto"


def test_the_season_of_the_user_comes_first(tmp_path):
    path = written(tmp_path, series(200))
    config = config_of(path, season=14)
    assert (config.data.season, config.window.lookback, config.window.horizon) == (14, 186, 14)
    helped = with_covariate(tmp_path, series(200))
    assert (helped.window.lookback, helped.window.horizon) == (14, 7)
    assert config_of(path, season=7).data.season == "auto"  # what daily times say anyway
    assert config_of(path, season=1).data.season == 1
    assert refused(path, ConfigError, season=0) == (
        "--season 0 is not allowed for 200 rows of {}; give 1 (none) to 100"
    )
    assert "give 1 (none) to 100" in refused(path, ConfigError, season=101)
    checked(path, season=100)


def test_a_log_is_taken_of_swings_that_grow_and_of_no_value_at_or_below_zero(tmp_path):
    steps = np.arange(120)
    swing = 1 + 0.5 * np.sin(2 * np.pi * steps / 12)
    frame = pd.DataFrame({"ds": pd.date_range("2000-01-01", periods=120, freq="MS")})
    growing = frame.assign(y=(np.exp(steps / 40) * swing).round(4))
    assert "log" in transform_names(with_covariate(tmp_path, growing))
    steady = frame.assign(y=(100 + swing).round(4))
    assert "log" not in transform_names(with_covariate(tmp_path, steady))
    growing.loc[115, "y"] = 0.0  # in the test part, where a log must not fail either
    assert "log" not in transform_names(with_covariate(tmp_path, growing))


def test_a_walk_is_differenced_and_noise_is_not(tmp_path):
    rng = np.random.default_rng(0)
    walk = series(200).assign(y=rng.normal(size=200).cumsum())
    config = with_covariate(tmp_path, walk)
    assert transform_names(config) == ["difference", "standardize"]
    assert config.model.window_norm == "none"
    noise = with_covariate(tmp_path, series(200))
    assert transform_names(noise) == ["standardize"]
    assert noise.model.window_norm == "last"


def test_a_season_that_would_take_too_many_rows_is_not_differenced(tmp_path):
    steps = np.arange(120)
    swings = np.sin(2 * np.pi * steps / 12) + 0.01 * np.random.default_rng(0).normal(size=120)
    frame = pd.DataFrame({"ds": pd.date_range("2000-01-01", periods=120, freq="MS"), "y": swings})
    lags = {
        count: [
            option.lag
            for option in with_covariate(tmp_path, frame.head(count)).transforms
            if option.key() == "difference"
        ]
        for count in (40, 120)
    }
    assert lags[120] == [12]
    assert 12 not in lags[40]


@pytest.mark.parametrize(
    ("count", "frequency"),
    [(12, "MS"), (13, "h"), (17, "MS"), (24, "h"), (30, "MS"), (37, "h"), (60, "MS"), (60, "h")],
)
def test_short_series_still_train(tmp_path, count, frequency):
    accepted = checked_and_trained if count <= 13 else checked  # the shortest of each frequency
    assert accepted(written(tmp_path, series(count, frequency))).window.horizon == count // 8


@given(
    st.integers(5, 150),
    st.sampled_from(["MS", "D", "h", "W-MON", "QS-OCT", "15min", "YS-JAN"]),
    st.integers(1, 40) | st.none(),
    st.sampled_from(["noise", "walk", "season"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_part_of_every_proposal_holds_a_window(
    tmp_path, count: int, frequency: str, horizon: int | None, kind: str
):
    frame = series(count, frequency, start="2020-01-06" if frequency == "W-MON" else "2020-01-01")
    if kind == "walk":
        frame["y"] = frame["y"].sub(10).cumsum()
    elif kind == "season":
        frame["y"] += 20 * np.sin(2 * np.pi * np.arange(count) / 12)
    path = written(tmp_path, frame)
    if horizon is not None and horizon >= count:
        with pytest.raises(ConfigError, match=f"--horizon {horizon} is too long for {count} rows"):
            propose(str(path), horizon=horizon)
        return
    config = config_of(path, horizon=horizon)
    windows, horizon = prepare(config).windows, config.window.horizon
    assert len(windows["train"])
    assert bool(len(windows["validation"])) == (count >= 2 * horizon + min(3, count - horizon))
    assert bool(len(windows["test"])) == (count >= 3 * horizon + min(3, count - horizon))


def of_lengths(lengths, first: int = 1900) -> pd.DataFrame:
    """Growing yearly series, by integer times."""
    tables = []
    for number, length in enumerate(lengths):
        growth = np.random.default_rng(number).normal(0.03, 0.05, length).cumsum()
        values = (100 * np.exp(growth)).round(3)
        table = {"unique_id": f"s{number}", "ds": range(first, first + length), "y": values}
        tables.append(pd.DataFrame(table))
    return pd.concat(tables)


SHORT_TABLES = {
    "yearly series of 19 rows": ([19] * 64, 6, {"train": 64 * 5, "validation": 32, "test": 32}),
    "12 to 40 rows": ([12, 14, 15, 20, 21, 26, 40] * 5, 6, {}),
    "from 47 to 600 rows": ([47, 52, 100, 150, 600] * 6, 13, {}),
    "one of 10 rows": ([10], 6, {"validation": 0, "test": 0}),
    "one of 19 rows": ([19], 6, {"validation": 1, "test": 0}),
    "one of 7 rows": ([7], 6, {"train": 1, "validation": 0, "test": 0}),
    "one shorter than the horizon": ([40] * 5 + [4], 8, {}),
    "one of two rows among long ones": ([60] * 30 + [2], 6, {}),
}
TRAINED = ("12 to 40 rows", "one of 7 rows")
"""With every part, and with no other than the training part."""


@pytest.mark.parametrize("name", SHORT_TABLES)
def test_no_horizon_is_refused_and_no_series_that_holds_a_window_is_skipped(tmp_path, name):
    lengths, horizon, wanted = SHORT_TABLES[name]
    accepted = checked_and_trained if name in TRAINED else checked
    config = accepted(written(tmp_path, of_lengths(lengths)), horizon=horizon)
    assert config.window.horizon == horizon
    windows = prepare(config).windows
    counts = {part: len(each) for part, each in windows.items()}
    assert counts | wanted == counts
    holding = [number for number, length in enumerate(lengths) if length > horizon]
    assert windows["train"].series.unique().tolist() == holding
    assert (config.data.short_series == "skip") == (len(holding) < len(lengths))


def test_what_is_held_back_is_said(tmp_path):
    for lengths, split in (
        ([60, 60], "{validation: 6, test: 12}  # rows at the end of each series"),
        (
            [19] * 4,
            "{validation: 6, test: 6}  # rows at the end of each series; short ones give up",
        ),
        ([19], "{validation: 6, test: 0}  # rows at the end of each series; too few to test on"),
        ([14], "{validation: 0, test: 0}  # the series are too short to hold rows back"),
    ):
        path = written(tmp_path, of_lengths(lengths))
        assert f"split: {split}" in propose(str(path), horizon=6)


def test_many_short_series_with_covariates_are_pooled(tmp_path):
    config = with_covariate(tmp_path, of_lengths([40] * 40))
    assert transform_names(config) == ["log"]
    assert (config.window.horizon, config.model.window_norm) == (6, "mean")
    assert config.training.sampling == "uniform"


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\x85\ufeff"),
    min_size=1,
    max_size=12,
)
AWKWARD = ["1e-3", "no", "null", "~", "a: b", "a #b", "#", "- x", "[x]", "{x}", "&a", "*a", "!x"]
AWKWARD += ["'", '"', "%", "@", "`", "y, z", " spaced ", "true", "0x1F", "2.5", "=", "\\n", ".5"]
AWKWARD += ["größe", "温度", "😀", "\x7f", "a" * 200]


def proposed_names(tmp_path, time: str, target: str) -> tuple[str, tuple[str, ...]]:
    frame = series(40).set_axis([time, target], axis="columns")
    config = config_of(written(tmp_path, frame), time=time, targets=[target])
    prepare(config)
    return config.data.time, config.data.target


def test_a_separator_within_a_name_is_part_of_it(tmp_path):
    assert proposed_names(tmp_path, "when", "x||") == ("when", ("x||",))


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_times_are_quoted(tmp_path, name):
    assert proposed_names(tmp_path, name, "what") == (name, ("what",))


def test_awkward_targets_are_quoted(tmp_path):
    frame = series(40)
    for name in AWKWARD:
        frame[name] = frame["y"]
    config = config_of(written(tmp_path, frame), time="ds", targets=AWKWARD)
    prepare(config)
    assert config.data.target == tuple(AWKWARD)


@given(NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_reads_back(tmp_path, name):
    assert proposed_names(tmp_path, "when", f"x{name}") == ("when", (f"x{name}",))


@pytest.mark.parametrize("name", ["my table, [1].csv", "a: b.csv", "#1.csv", "größe.csv", "1e5"])
def test_awkward_file_names_are_quoted(tmp_path, name):
    path = written(tmp_path, series(40), name=name)
    assert read(path).data.path == str(path)


def test_plain_names_are_not_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    text = propose(str(written(Path("data"), series(40)).relative_to(".")))
    assert "  path: data/table.csv\n" in text
    assert '"' not in text


def local_hours(count: int, start: str, form: str = "%Y-%m-%d %H:%M") -> pd.DataFrame:
    """Hours on the clocks of Berlin, which show 2 o'clock twice on 2024-10-27."""
    frame = series(count, "h").rename(columns={"y": "load"})
    times = pd.date_range(start, periods=count, freq="h", tz="Europe/Berlin")
    return frame.assign(ds=times.strftime(form), load=range(count))


@pytest.mark.parametrize("start", ["2024-10-25", "2024-03-29"])
def test_local_times_are_proposed_with_their_zone(tmp_path, start):
    path = written(tmp_path, local_hours(96, start))
    config = read(path, timezone="Europe/Berlin")
    assert (config.data.timezone, config.data.frequency) == ("Europe/Berlin", "h")
    assert (config.data.missing, config.data.target) == ("error", ("load",))
    assert config.data.id == "unique_id"  # the default: no column tells the repeated hour apart


def test_several_series_in_local_times_still_have_an_id(tmp_path):
    frames = [local_hours(96, "2024-10-25").assign(shop=name) for name in "ab"]
    path = written(tmp_path, pd.concat(frames))
    config = config_of(path, timezone="Europe/Berlin", ids=["shop"])
    assert (config.data.id, config.data.missing) == ("shop", "error")
    refusal = refused(path, ConfigError, timezone="Berlin", ids=["shop"])
    assert "'Berlin' is no time zone" in refusal
    assert "data.timezone" in refusal
    one_each = [frame[~frame["ds"].duplicated()] for frame in frames]
    assert config_of(written(tmp_path, pd.concat(one_each))).data.id == "shop"
    with_loads = pd.concat([frame.assign(load=np.arange(96) % 7) for frame in frames])
    path = written(tmp_path, with_loads)
    assert config_of(path, timezone="Europe/Berlin").data.id == "shop"
    assert "02:00 of series a appears twice" in refused(path, DataError)


def test_the_options_of_a_remedy_are_named(tmp_path):
    frame = local_hours(96, "2024-10-25").assign(load=1.0 * np.arange(96))
    assert named(as_flag, written(tmp_path, frame)).endswith(
        "or name the column of series in --id, or set --timezone if times are local"
    )
    assert named(as_argument, written(tmp_path, frame)).endswith(
        "or name the column of series in id, or set timezone if times are local"
    )
    either = series(12).assign(
        ds=[f"0{day}/0{month}/2024" for month in (1, 2) for day in range(1, 7)]
    )
    said = named(as_flag, written(tmp_path, either))
    assert said.endswith("day first or month first; set --time-format '%d/%m/%Y' or '%m/%d/%Y'")
    said = named(as_argument, written(tmp_path, either))
    assert said.endswith("day first or month first; set time_format='%d/%m/%Y' or '%m/%d/%Y'")


def named(write, path) -> str:
    """How a table is refused where options have names of their own."""
    with pytest.raises(DataError) as error, options_named(write):
        propose(str(path))
    return str(error.value)


def test_holidays_that_are_asked_for_are_proposed_and_read(tmp_path):
    days = pd.date_range("2022-01-01", periods=730)
    frame = pd.DataFrame({"ds": days, "y": np.arange(730.0) % 7 + 1})
    config = config_of(written(tmp_path, frame), holidays="DE-BY")
    assert (config.data.holidays.country, config.data.holidays.subdivision) == ("DE", "BY")
    assert config.model.start == "random"  # the pretrained network reads no covariates
    assert prepare(config).pipeline.covariates.future_names[-1] == "holidays"
    message = refused(written(tmp_path, frame), ConfigError, holidays="by")
    assert message == "holidays 'by' is no place; write DE, or DE-BY for a state"


def test_ambiguous_dates_are_read_by_the_format_that_is_given(tmp_path):
    months = pd.date_range("2020-01-01", periods=48, freq="MS")
    path = written(tmp_path, series(48).assign(ds=months.strftime("%d/%m/%Y")))
    config = read(path, time_format="%d/%m/%Y")
    assert (config.data.time_format, config.data.frequency) == ("%d/%m/%Y", "MS")
    message = refused(path, DataError, time_format="%m/%d/%Y")
    assert "most rows of frequency D are missing, 1060 of 1108" in message  # the first days of Jan


@pytest.mark.parametrize(
    "form", ["%d.%m.%Y", "%d/%m/%Y", "%m-%d-%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S"]
)
def test_dates_that_begin_with_the_day_or_the_month_are_found(tmp_path, form):
    frame = series(60).rename(columns={"ds": "when"})[["y", "when"]]
    path = written(tmp_path, frame.assign(when=frame["when"].dt.strftime(form)), sep=";")
    config = config_of(path)
    assert (config.data.time, config.data.frequency) == ("when", "D")


def test_columns_without_a_role_are_named_in_a_comment(tmp_path):
    path = written(tmp_path, series(60).assign(**{"holiday": "no", "a, b": 3}))
    line = '  # not used: holiday, "a, b"; columns that help go to past, future or static\n'
    assert line in propose(str(path))
    many = series(20).assign(**{f"n{number}": "x" for number in range(22)})
    assert ", n19 and 2 more; columns" in propose(str(written(tmp_path, many)))
    assert "not used" not in propose(str(written(tmp_path, series(60))))


def test_columns_of_zeros_and_ones_are_not_forecast_unless_named(tmp_path):
    flags = np.arange(60) % 3 == 0
    path = written(tmp_path, series(60).rename(columns={"y": "sold"}).assign(promo=1 * flags))
    assert config_of(path).data.target == ("sold",)
    assert "# not used: promo;" in propose(str(path))
    assert config_of(path, targets=["promo"]).data.target == ("promo",)
    alone = written(tmp_path, series(60).drop(columns="y").assign(promo=1 * flags), "alone.csv")
    assert config_of(alone).data.target == ("promo",)


def test_columns_that_help_are_proposed_where_they_were_put(tmp_path):
    path = written(tmp_path, panel(lengths=(90, 90)).assign(n=lambda t: t["y"] + 1))
    chosen = {"static": ["price"], "past": ["n"], "future": []}
    config = checked_and_trained(path, helping=chosen)
    assert [each.name for each in (*config.data.past, *config.data.static)] == ["n", "price"]
    assert config.data.target == ("y",)
    assert "not used" not in propose(str(path), helping=chosen)
    assert refused(path, DataError, helping={"past": ["m"]}).startswith("{}: no column 'm'; ")
    assert "in target already" in refused(path, ConfigError, targets=["n"], helping={"past": ["n"]})


def test_a_season_of_which_there_are_not_two_is_none(tmp_path):
    path = written(tmp_path, series(40, "W"))
    config = config_of(path)
    assert (config.data.season, config.window.lookback, config.window.horizon) == (1, 35, 5)
    line = "  season: 1  # none; the usual 52 rows are too long for so short a table\n"
    assert line in propose(str(path))
    assert "\n  season:" not in propose(str(written(tmp_path, series(104, "W"))))


def test_an_outlier_hides_no_season_and_makes_no_log(tmp_path):
    table = hourly(960, targets=1).rename(columns={"HUFL": "y"}).assign(y=lambda t: t["y"] + 40)
    clean = with_covariate(tmp_path, table)
    table.loc[300, "y"] = 900
    spoilt = with_covariate(tmp_path, table)
    assert spoilt.transforms == clean.transforms
    assert transform_names(spoilt) == ["difference", "standardize"]


def test_several_targets_have_a_comment(tmp_path):
    text = propose(str(written(tmp_path, hourly(200, targets=2))))
    assert (
        "  target: [HUFL, HULL]  # columns to forecast; move those that only help to past or"
        " future\n"
    ) in text
    assert "columns to forecast" not in propose(str(written(tmp_path, series(60))))


def refused(path: Path, error: type[Exception], **choices) -> str:
    with pytest.raises(error) as caught:
        propose(str(path), **choices)
    return str(caught.value).replace(str(path), "{}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{}:1: the first line is empty; it must name the columns"),
        ("ds,y\n", "{}: no rows below the header; add one row a time step"),
        (
            "2024-01-01,5\n2024-01-02,6\n",
            "{}:1: '2024-01-01' is no name of a column; the first line must name the columns, and"
            " every time step have a row",
        ),
        (
            "a,b\n1,2\n2,3\n",
            "{}: none of the columns a, b holds times; name it with --time, or delete what stands"
            " above the line that names the columns",
        ),
        (
            "ds,note,fixed\n2024-01-01,x,1\n2024-01-02,y,1\n",
            "{}: no column of changing numbers to forecast; name one with --target",
        ),
        (
            "ds,event\n2024-01-01 10:05,in\n2024-01-02 09:07,in\n2024-01-02 09:09,in\n",
            "{}: no column of changing numbers to forecast; name one with --target; of a list of"
            " events, count those of each hour or day first",
        ),
        (
            "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3,4\n",
            "{}:4: 3 cells, but the header has 2; put a cell that holds ',' in quotes, or give the"
            " header as many cells",
        ),
    ],
)
def test_a_table_without_a_proposal_is_refused_in_one_line(tmp_path, text: str, message: str):
    path = tmp_path / "table.csv"
    path.write_text(text)
    assert refused(path, DataError) == message


def test_a_time_that_stands_twice_names_its_line(tmp_path):
    path = written(tmp_path, pd.concat([series(30), series(30).iloc[[29]].assign(y=0)]))
    assert refused(path, DataError).startswith("{}:32: column 'ds': 2020-01-30 appears twice")


def test_choices_that_cannot_be_are_refused(tmp_path):
    path = written(tmp_path, series(100))
    assert refused(path, DataError, targets=["yy"]) == "{}: no column 'yy'; did you mean 'y'?"
    assert "column 'ds' is in time already" in refused(path, ConfigError, targets=["ds"])
    assert refused(path, ConfigError, horizon=0) == (
        "--horizon 0 is not allowed; ask for 1 step or more"
    )
    assert refused(path, ConfigError, horizon=100) == (
        "--horizon 100 is too long for 100 rows; give at most 99, or more rows"
    )


def test_the_rate_that_measured_best_is_proposed(tmp_path):
    path = tmp_path / "air.csv"
    table = pd.read_csv(DATA / "air_passengers.csv")
    table.assign(helps=range(len(table))).to_csv(path, index=False)
    config = config_of(path, helping={"past": ["helps"]})
    training = config.training.model_copy(update={"epochs": 1, "ensemble": 1})
    (progress,) = train(config.model_copy(update={"training": training}))
    assert progress.epoch.learning_rate == 0.003


EXTERNAL = Path(os.environ.get("FORECAST_EXTERNAL_DATA", DATA / "external"))
"""Where `scripts/fetch_data.py` puts the public sets; they are no part of the repository."""
MADE, PUBLISHED = "made", "published"


def etth1(kind: str) -> pd.DataFrame:
    """The rows of the protocol, or a table of their shape."""
    return hourly(14_400) if kind == MADE else pd.read_csv(EXTERNAL / "ETTh1.csv", nrows=14_400)


def m4_hourly(kind: str) -> pd.DataFrame:
    """The train file as a long table, as `benchmarks/accuracy.py` makes it, or one of its shape."""
    if kind == MADE:
        rng, lengths = np.random.default_rng(0), [700] * 169 + [960] * 245
        rows = [
            100 + 30 * np.sin(2 * np.pi * np.arange(n) / 24) + rng.normal(0, 3, n) for n in lengths
        ]
    else:
        table = pd.read_csv(EXTERNAL / "M4-Hourly-train.csv", index_col=0).to_numpy(float)
        rows = [row[~np.isnan(row)] for row in table]
    ids = np.repeat([f"H{number}" for number in range(len(rows))], [len(row) for row in rows])
    times = np.concatenate([np.arange(len(row)) for row in rows])
    return pd.DataFrame({"unique_id": ids, "ds": times, "y": np.concatenate(rows)})


PROTOCOL = {"split.validation"}
DIFFERING = {
    "etth1_96": PROTOCOL,
    "etth1_192": PROTOCOL,
    "etth1_336": PROTOCOL,
    "etth1_720": PROTOCOL,
    "m4_hourly": {
        *(*PROTOCOL, "split.test", "model.dropout", "training.max_minutes", "training.precision"),
        *("training.early_stopping", "training.epochs", "training.ensemble", "partners"),
    },
}
"""Keys in which a benchmark's configuration may differ from the proposal; each says why."""


@pytest.fixture(scope="module")
def benchmark_table(tmp_path_factory):
    """The path of a table, written once for all horizons."""
    folder = tmp_path_factory.mktemp("benchmarks")

    @cache
    def path_of(table, kind: str) -> Path:
        return written(folder, table(kind), f"{table.__name__}-{kind}.csv")

    return path_of


@pytest.fixture(scope="module")
def _read_once():
    """A table is read for the first of its horizons."""
    found = {}

    def read(path, *arguments, **options):
        if path not in found:
            found[path] = unconfigured.read_unconfigured(path, *arguments, **options)
        return found[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forecast.init.propose.read_unconfigured", read)
        yield


@pytest.mark.usefixtures("_read_once")
@pytest.mark.parametrize("kind", [MADE, PUBLISHED])
@pytest.mark.parametrize("name", DIFFERING)
def test_the_benchmarks_are_what_is_proposed_for_their_tables(
    benchmark_table, name: str, kind: str
):
    file = "M4-Hourly-train.csv" if name == "m4_hourly" else "ETTh1.csv"
    if kind == PUBLISHED and not (EXTERNAL / file).exists():
        pytest.skip("python scripts/fetch_data.py fetches the table")
    config = Path(__file__).parents[2] / "configs" / "benchmarks" / f"{name}.yaml"
    wanted = read_config(config)
    path = benchmark_table(m4_hourly if name == "m4_hourly" else etth1, kind)
    proposed = config_of(path, horizon=wanted.window.horizon)
    differing = {
        f"{section}.{key}"
        for section in ("data", "split", "window", "model", "training")
        for key, value in getattr(wanted, section)
        if value != getattr(getattr(proposed, section), key)
    }
    differing |= {"partners"} if wanted.partners != proposed.partners else set()
    assert differing - {"data.path"} == DIFFERING[name]
    assert wanted.transforms == proposed.transforms
    comment = "".join(line for line in config.read_text().splitlines() if line[0] == "#")
    assert all(key in comment for key in DIFFERING[name])


def test_what_is_refused_is_proposed_in_another_way_or_not_at_all(tmp_path):
    path = written(tmp_path, panel(lengths=(30, 30)))
    asked = []

    def accepts_number(last):
        def affordable(config, _):
            asked.append((config.split.validation, config.split.test, config.data.short_series))
            if len(asked) <= last:
                raise DataError(f"refused {len(asked)}")
            return {}

        return affordable

    text = propose(str(path), affordable=accepts_number(3))
    rows = asked[0][0]
    assert asked[1:] == [(*asked[0][:2], "skip"), (rows, 0, "error"), (rows, 0, "skip")]
    assert "test: 0}  # with more held back too little would be left to learn from" in text
    asked.clear()
    with pytest.raises(DataError, match="refused 1"):
        propose(str(path), affordable=accepts_number(99))
    assert asked[-1] == (0, 0, "skip")
