"""The rules of `config init`, as functions of a table's size and season: numbers worked by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.tree import config_from, read_config
from forecast.init import rules
from forecast.init.rules import TableShape

BENCHMARKS = Path(__file__).parents[2] / "configs" / "benchmarks"
ETTH1 = TableShape(rows=8640, num_series=1, num_targets=7, season=24, horizon=96)
ETTM1 = replace(ETTH1, rows=34_560, season=96)
M4_HOURLY = TableShape(rows=672, num_series=414, num_targets=1, season=24, horizon=48)
AIR = TableShape(rows=90, num_series=1, num_targets=1, season=12, horizon=12)

SHAPES = st.builds(
    TableShape,
    rows=st.integers(1, 20_000),
    num_series=st.integers(1, 500),
    num_targets=st.integers(1, 20),
    season=st.sampled_from([1, 4, 7, 10, 11, 12, 13, 24, 52, 96, 168, 1440]),
    horizon=st.integers(1, 720),
)


@given(SHAPES)
def test_samples_are_windows_of_every_series_and_target(shape):
    shape = replace(shape, rows=shape.rows % 300)
    starts = [row for row in range(shape.rows) if row + 20 + shape.horizon <= shape.rows]
    expected = len(starts) * shape.num_series * shape.num_targets
    assert shape.samples(20) == expected


@pytest.mark.parametrize(
    ("season", "steps"),
    [(1, 1), (4, 4), (7, 7), (12, 12), (24, 24), (52, 13), (96, 24), (168, 24), (25, 5), (29, 1)],
)
def test_a_segment_is_a_season_or_the_longest_part_that_divides_it(season, steps):
    assert rules.segment(season) == steps


def test_large_is_a_table_with_samples_and_seasons():
    assert rules.is_large(ETTH1)
    assert rules.is_large(M4_HOURLY)
    assert not rules.is_large(AIR)
    assert not rules.is_large(replace(ETTH1, season=97))  # nothing divides it
    # 414 series of 6 seasons are enough, of fewer are not: horizon 12, lookback 44 // 3 -> 24.
    assert rules.is_large(replace(M4_HOURLY, rows=144, horizon=12))
    assert not rules.is_large(replace(M4_HOURLY, rows=143, horizon=12))


@pytest.mark.parametrize(
    ("shape", "is_pretrained", "has_covariates", "partners"),
    [
        (ETTH1, False, False, ("ridge",)),
        (ETTM1, False, False, ()),
        (ETTH1, False, True, ()),  # the network reads what ridge regression does not
        (M4_HOURLY, False, False, ("pretrained", "theta", "ets")),
        (AIR, False, True, ("pretrained", "theta", "ets")),
        (AIR, True, False, ("theta", "ets")),
    ],
)
def test_partners_follow_from_the_size_the_season_and_what_is_read(
    shape, is_pretrained, has_covariates, partners
):
    assert rules.partners_of(shape, is_pretrained, has_covariates) == partners


def test_large_begins_with_5000_samples():
    # 1,000 rows, season 7, horizon 10: 30 seasons are 210 rows, so rows - 219 windows.
    shape = TableShape(rows=1000, num_series=1, num_targets=1, season=7, horizon=10)
    assert rules.large_lookback(shape) == 210
    assert not rules.is_large(replace(shape, rows=5218))
    assert rules.is_large(replace(shape, rows=5219))


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        (ETTH1, 720),  # 30 seasons of 24
        (M4_HOURLY, 192),  # a third of 624 rows are 208: 8 seasons
        (replace(ETTH1, season=168), 672),  # 4 weeks in 720
        (replace(ETTH1, season=1440), 1440),  # a season, though it is longer than 720
        (replace(ETTH1, rows=1000, season=96, horizon=40), 288),  # 3 seasons in 320
        (replace(ETTH1, rows=200, season=96, horizon=40), 48),  # 53 rows: segments of 24
    ],
)
def test_the_large_lookback_holds_whole_seasons_or_segments(shape, steps):
    assert rules.large_lookback(shape) == steps


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        (AIR, 24),  # two seasons
        (replace(AIR, rows=50), 19),  # (50 - 12) // 2
        (replace(AIR, rows=51, lag=1), 19),  # the same once a difference has taken 1
        (replace(AIR, lag=12), 24),
        (replace(AIR, rows=64, lag=12), 12),  # 20 are one whole season
        (replace(AIR, rows=13), 1),  # never none
        (replace(AIR, horizon=30), 30),  # the horizon is longer than two seasons
        (replace(AIR, rows=2000, season=24), 168),  # a week of hours
        (replace(AIR, rows=2000, season=1440), 336),
        (replace(AIR, season=1, horizon=6), 12),  # no season: twice the horizon
    ],
)
def test_the_small_lookback_is_two_seasons_and_leaves_windows(shape: TableShape, steps: int):
    assert rules.small_lookback(shape) == steps


M4_YEARLY = TableShape(rows=17, num_series=5750, num_targets=1, season=1, horizon=6)


def test_pooled_are_many_series_that_are_not_large():
    assert rules.is_pooled(M4_YEARLY)
    assert rules.is_pooled(replace(M4_HOURLY, rows=143, horizon=12))
    assert not rules.is_pooled(M4_HOURLY)
    assert not rules.is_pooled(replace(M4_YEARLY, num_series=29))


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        (M4_YEARLY, 12),  # two horizons
        (replace(M4_YEARLY, rows=7), 7),
        (replace(M4_YEARLY, rows=60, season=12), 24),  # two seasons
        (replace(M4_YEARLY, rows=60, season=12, horizon=18), 36),
    ],
)
def test_the_pooled_lookback_is_two_seasons_or_horizons(shape, steps):
    assert rules.pooled_lookback(shape) == steps


def test_a_pooled_training_has_smaller_batches_where_there_are_few_samples():
    training = rules.pooled_training(M4_YEARLY)  # 5,750 series x 11 windows
    assert (training["batch_size"], training["epochs"]) == (256, 10)
    assert "epoch_windows" not in training
    few = rules.pooled_training(replace(M4_YEARLY, num_series=100))
    assert (few["batch_size"], few["epochs"]) == (64, 69)  # 1,200 steps over 1,100 / 64
    many = rules.pooled_training(replace(M4_YEARLY, rows=40))
    assert many["epoch_windows"] == 51_200


@given(SHAPES)
def test_what_the_rules_say_is_allowed(shape):
    _accepted(rules.pooled_lookback(shape), rules.pooled_model(shape), rules.pooled_training(shape))
    for lag in (0, 1, shape.season):
        small = replace(shape, lag=lag)
        model, training = rules.small_model(small), rules.small_training(small)
        _accepted(rules.small_lookback(small), model, training)
    if rules.is_large(shape):
        large = rules.large_model(shape), rules.large_training(shape)
        _accepted(rules.large_lookback(shape), *large)


def _accepted(lookback: int, model: dict[str, object], training: dict[str, object]):
    """The reader refuses unknown keys, bad values and a segment that does not divide."""
    window = {"lookback": lookback}
    sections = {"data": {"path": "x.csv"}, "window": window, "model": model, "training": training}
    assert config_from(sections).window.lookback == lookback


def test_a_long_table_without_a_season_is_read_in_parts():
    long = TableShape(rows=60_000, num_series=1, num_targets=2, season=1, horizon=6)
    training = rules.small_training(long)
    assert (training["batch_size"], training["epoch_windows"]) == (256, 25_600)
    assert "batch_size" not in rules.small_training(replace(long, rows=20_000))


@given(SHAPES)
def test_the_small_lookback_leaves_a_window_where_there_is_one(shape):
    shape = replace(shape, lag=shape.season)
    if shape.rows - shape.lag > shape.horizon:
        assert shape.samples(rules.small_lookback(shape)) > 0


def test_small_models_take_the_level_away_once_and_treat_targets_alike():
    assert rules.small_model(AIR) == {"hidden_size": "auto", "window_norm": "last"}
    assert rules.small_model(replace(AIR, lag=1)) == {"hidden_size": "auto"}
    several = rules.small_model(replace(AIR, num_targets=3))
    assert several["channels"] == "independent"


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        (AIR, 1),  # no difference, no season that is sure
        (replace(AIR, lag=1), 1),
        (replace(AIR, lag=12), 12),
        (replace(AIR, lag=12, rows=46), 1),  # a lookback of 11 holds no season
        (replace(AIR, season=52, lag=52, rows=500), 13),
        (replace(AIR, season=29, lag=29), 1),  # nothing divides it
        (replace(AIR, season=1, lag=1), 1),
    ],
)
def test_small_networks_read_seasons_where_they_were_differenced(shape: TableShape, steps: int):
    assert rules.small_segment(shape) == steps
    model = rules.small_model(shape)
    assert (model.get("segment", 1), "head" in model) == (steps, steps > 1)


def test_a_large_training_takes_about_1200_steps_and_waits_for_a_fifth_of_its_epochs():
    # 644 rows less a lookback of 210 and a horizon of 11: 30 x 424 samples, 49.7 batches of 256.
    shape = TableShape(rows=644, num_series=30, num_targets=1, season=7, horizon=11)
    assert rules.large_lookback(shape) == 210
    training = rules.large_training(shape)
    assert (training["epochs"], training["early_stopping"]) == (24, {"patience": 4})
    assert "ensemble" not in training


def test_each_of_the_members_of_few_series_takes_about_400_steps():
    # 5,219 rows less a lookback of 210 and a horizon of 10: 5,000 samples, 19.5 batches of 256.
    shape = TableShape(rows=5219, num_series=1, num_targets=1, season=7, horizon=10)
    training = rules.large_training(shape)
    assert (training["epochs"], training["early_stopping"]) == (20, {"patience": 4})
    assert rules.large_training(ETTH1)["epochs"] == 3  # 7,104 windows: 122 batches of 64 at most


@pytest.mark.parametrize(
    ("shape", "other", "skip"),
    [
        (ETTH1, 360, "segment"),  # 15 days instead of 30
        (replace(ETTH1, horizon=97), 360, "none"),  # far ahead the first has the linear map
        (replace(ETTH1, horizon=720), 1440, "none"),  # half is too short
        (ETTM1, 1344, "segment"),  # 14 days instead of 7
        (replace(ETTM1, rows=6_800), None, "segment"),  # that would be over a fifth of the rows
    ],
)
def test_members_differ_in_how_far_they_look_back_and_in_the_linear_map(shape, other, skip):
    first, *others = rules.large_members(shape)
    lookback = [{"window.lookback": other}] if other else []
    assert first == {}
    assert others == [*lookback, {"model.linear_skip": skip}]


@pytest.mark.parametrize(
    ("season", "many", "steps"),
    [(24, 1, 24), (96, 1, 96), (97, 1, 1), (52, 1, 52), (52, 30, 13), (168, 1, 24)],
)
def test_the_large_network_reads_whole_seasons_of_few_series(season, many, steps):
    assert rules.large_segment(replace(ETTH1, season=season, num_series=many)) == steps


@pytest.mark.parametrize(
    ("targets", "size"), [(1, 256), (2, 256), (3, 128), (7, 64), (16, 32), (20, 16), (500, 16)]
)
def test_a_batch_holds_about_512_samples(targets, size):
    assert rules.batch_size(targets) == size


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *((f"etth1_{steps}", replace(ETTH1, horizon=steps)) for steps in (96, 192, 336, 720)),
        *((f"ettm1_{steps}", replace(ETTM1, horizon=steps)) for steps in (96, 192, 336, 720)),
        ("m4_hourly", M4_HOURLY),
    ],
)
def test_the_benchmarks_say_where_they_differ(name, shape):
    path = BENCHMARKS / f"{name}.yaml"
    written = read_config(path)
    assert written.window.lookback == rules.large_lookback(shape)
    assert written.window.horizon == shape.horizon
    sections = {"model": rules.large_model(shape), "training": rules.large_training(shape)}
    proposed = config_from({"data": {"path": "x.csv"}, "window": written.window, **sections})
    differing = [
        key
        for section in sections
        for key, value in getattr(written, section)
        if value != getattr(getattr(proposed, section), key)
    ]
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line for line in lines if line.startswith("#"))
    # Which keys they are is said in test_propose.py.
    assert [key for key in differing if key not in comment] == []
