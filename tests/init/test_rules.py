"""The rules of `config init`, as functions of a table's size and season: numbers worked by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config.tree import config_from, read_config
from forecast.init import rules as defaults
from forecast.init.rules import Facts

BENCHMARKS = Path(__file__).parents[2] / "configs" / "benchmarks"
ETTH1 = Facts(rows=8640, num_series=1, num_targets=7, season=24, horizon=96)
M4_HOURLY = Facts(rows=672, num_series=414, num_targets=1, season=24, horizon=48)
AIR = Facts(rows=90, num_series=1, num_targets=1, season=12, horizon=12)

FACTS = st.builds(
    Facts,
    rows=st.integers(1, 20_000),
    num_series=st.integers(1, 500),
    num_targets=st.integers(1, 20),
    season=st.sampled_from([1, 4, 7, 10, 11, 12, 13, 24, 52, 96, 168, 1440]),
    horizon=st.integers(1, 720),
)


@given(FACTS)
@settings(max_examples=60, deadline=None)
def test_samples_are_windows_of_every_series_and_target(facts: Facts) -> None:
    facts = replace(facts, rows=facts.rows % 300)
    starts = [row for row in range(facts.rows) if row + 20 + facts.horizon <= facts.rows]
    expected = len(starts) * facts.num_series * facts.num_targets
    assert facts.samples(20) == expected


@pytest.mark.parametrize(
    ("season", "steps"),
    [(1, 1), (4, 4), (7, 7), (12, 12), (24, 24), (52, 13), (96, 24), (168, 24), (25, 5), (29, 1)],
)
def test_a_segment_is_a_season_or_the_longest_part_that_divides_it(season: int, steps: int) -> None:
    assert defaults.segment(season) == steps


def test_large_is_a_table_with_samples_and_seasons() -> None:
    assert defaults.is_large(ETTH1)
    assert defaults.is_large(M4_HOURLY)
    assert not defaults.is_large(AIR)
    assert not defaults.is_large(replace(ETTH1, season=29))  # nothing divides it
    # 414 series of 6 seasons are enough, of fewer are not: horizon 12, lookback 44 // 3 -> 24.
    assert defaults.is_large(replace(M4_HOURLY, rows=144, horizon=12))
    assert not defaults.is_large(replace(M4_HOURLY, rows=143, horizon=12))


def test_large_begins_with_5000_samples() -> None:
    # 1,000 rows, season 7, horizon 10: 30 seasons are 210 rows, so rows - 219 windows.
    facts = Facts(rows=1000, num_series=1, num_targets=1, season=7, horizon=10)
    assert defaults.large_lookback(facts) == 210
    assert not defaults.is_large(replace(facts, rows=5218))
    assert defaults.is_large(replace(facts, rows=5219))


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        (ETTH1, 720),  # 30 seasons of 24
        (M4_HOURLY, 192),  # a third of 624 rows are 208: 8 seasons
        (replace(ETTH1, season=168), 672),  # 4 weeks in 720
        (replace(ETTH1, season=1440), 1440),  # a season, though it is longer than 720
        (replace(ETTH1, rows=1000, season=96, horizon=40), 288),  # 3 seasons in 320
        (replace(ETTH1, rows=200, season=96, horizon=40), 48),  # 53 rows: segments of 24
    ],
)
def test_the_large_lookback_holds_whole_seasons_or_segments(facts: Facts, steps: int) -> None:
    assert defaults.large_lookback(facts) == steps


@pytest.mark.parametrize(
    ("facts", "steps"),
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
def test_the_small_lookback_is_two_seasons_and_leaves_windows(facts: Facts, steps: int) -> None:
    assert defaults.small_lookback(facts) == steps


@given(FACTS)
@settings(max_examples=60, deadline=None)
def test_what_the_rules_say_is_allowed(facts: Facts) -> None:
    for lag in (0, 1, facts.season):
        small = replace(facts, lag=lag)
        model, training = defaults.small_model(small), defaults.small_training()
        _accepted(defaults.small_lookback(small), model, training)
    if defaults.is_large(facts):
        large = defaults.large_model(facts), defaults.large_training(facts)
        _accepted(defaults.large_lookback(facts), *large)


def _accepted(lookback: int, model: dict[str, object], training: dict[str, object]) -> None:
    """The reader refuses unknown keys, bad values and a segment that does not divide."""
    window = {"lookback": lookback}
    sections = {"data": {"path": "x.csv"}, "window": window, "model": model, "training": training}
    assert config_from(sections).window.lookback == lookback


@given(FACTS)
@settings(max_examples=60, deadline=None)
def test_the_small_lookback_leaves_a_window_where_there_is_one(facts: Facts) -> None:
    facts = replace(facts, lag=facts.season)
    if facts.rows - facts.lag > facts.horizon:
        assert facts.samples(defaults.small_lookback(facts)) > 0


def test_small_models_take_the_level_away_once_and_treat_targets_alike() -> None:
    assert defaults.small_model(AIR) == {"hidden_size": "auto", "window_norm": "last"}
    assert defaults.small_model(replace(AIR, lag=1)) == {"hidden_size": "auto"}
    several = defaults.small_model(replace(AIR, num_targets=3))
    assert several["channels"] == "independent"


@pytest.mark.parametrize(
    ("facts", "steps"),
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
def test_small_networks_read_seasons_where_they_were_differenced(facts: Facts, steps: int) -> None:
    assert defaults.small_segment(facts) == steps
    model = defaults.small_model(facts)
    assert (model.get("segment", 1), "head" in model) == (steps, steps > 1)


@pytest.mark.parametrize(
    ("targets", "size"), [(1, 256), (2, 256), (3, 128), (7, 64), (16, 32), (20, 16), (500, 16)]
)
def test_a_batch_holds_about_512_samples(targets: int, size: int) -> None:
    assert defaults.batch_size(targets) == size


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        *((f"etth1_{steps}", replace(ETTH1, horizon=steps)) for steps in (96, 192, 336, 720)),
        ("m4_hourly", M4_HOURLY),
    ],
)
def test_the_benchmarks_say_where_they_differ(name: str, facts: Facts) -> None:
    path = BENCHMARKS / f"{name}.yaml"
    written = read_config(path)
    assert written.window.lookback == defaults.large_lookback(facts)
    assert written.window.horizon == facts.horizon
    rules = {"model": defaults.large_model(facts), "training": defaults.large_training(facts)}
    proposed = config_from({"data": {"path": "x.csv"}, "window": written.window, **rules})
    differing = [
        key
        for section in rules
        for key, value in getattr(written, section)
        if value != getattr(getattr(proposed, section), key)
    ]
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line for line in lines if line.startswith("#"))
    assert len(differing) <= 3
    assert [key for key in differing if key not in comment] == []
