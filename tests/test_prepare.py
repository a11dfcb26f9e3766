"""From a configuration to windows and fresh models: what is resolved, refused, and never leaked."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from forecast.config.tree import config_from
from forecast.errors import ConfigError, DataError
from forecast.prepare import new_learner, prepare
from tests.helpers import small_config

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(1)
ROWS = 60
VALUES = 20 + np.arange(ROWS) / 10 + RANDOM.normal(0, 1, ROWS)


def months(rows=ROWS):
    return pd.date_range("2020-01-01", periods=rows, freq="MS")


def frame(values=VALUES):
    return pd.DataFrame({"ds": months(len(values)), "y": values})


def panel(**series):
    return pd.concat(
        [frame(np.asarray(values)).assign(unique_id=name) for name, values in series.items()]
    )


def config(**sections):
    window = {"lookback": 6, **sections.pop("window", {})}
    split = {"validation": 10, **sections.pop("split", {})}
    return small_config(window=window, split=split, **sections)


def refused(error, table, **sections):
    with pytest.raises(error) as caught:
        prepare(config(**sections), table)
    return str(caught.value)


def test_frequency_season_and_hidden_size_are_resolved():
    prepared = prepare(config(model={"hidden_size": "auto", "num_layers": 3}), frame())
    assert prepared.config.data.frequency == "MS"
    assert prepared.config.data.season == prepared.season == 12
    assert isinstance(prepared.config.model.hidden_size, int)
    again = prepare(prepared.config, frame())
    assert again.config == prepared.config


def test_what_is_given_stays():
    prepared = prepare(
        config(
            data={"frequency": "2MS", "season": 5},
            model={"hidden_size": (4, 3), "num_layers": 2},
            split={"validation": 5, "test": 6},
        ),
        frame().iloc[::2],
    )
    assert prepared.config.data.frequency == "2MS"
    assert prepared.season == 5
    assert prepared.config.model.hidden_size == (4, 3)


@pytest.mark.parametrize(
    ("stride", "difference", "train"), [(1, 0, 30), (1, 12, 18), (4, 0, 8), (7, 1, 5)]
)
def test_windows_of_each_part_are_counted_by_hand(stride, difference, train):
    transforms = [{"difference": {"lag": difference}}] if difference else []
    sections = {"window": {"stride": stride}}
    prepared = prepare(
        config_from({**config(**sections).model_dump(), "transforms": tuple(transforms)}), frame()
    )
    # 38 training rows hold 38 - 9 + 1 windows; a part of n rows holds n - 3 + 1 sets of targets.
    counts = {name: len(windows) for name, windows in prepared.windows.items()}
    assert counts == {"train": train, "validation": 8, "test": 10}


def test_with_a_least_history_lookbacks_begin_before_their_series():
    window = {"least_history": 2, "lookback": 30}
    prepared = prepare(config(window=window), panel(long=VALUES, short=VALUES[:27]))
    counts = {name: len(windows) for name, windows in prepared.windows.items()}
    # 38 and 5 training rows; of the 2 known ones at least, and 3 to be forecast.
    assert counts == {"train": 38 - 4 + 5 - 4, "validation": 2 * 8, "test": 2 * 10}
    assert prepared.windows["train"].starts[[0, -1]].tolist() == [-28, 60 - 28]
    words = refused(DataError, panel(a=VALUES[:26]), window=window)
    assert "4 training rows, too few for one window of least_history 2 + horizon 3 = 5" in words
    assert "lower window.least_history or window.horizon" in words


def test_nothing_of_training_depends_on_later_rows():
    later = VALUES.copy()
    later[38:] = later[38:] * 100 + 5
    transforms = ({"difference": {"lag": 1}}, "robust", {"power": {"method": "yeo_johnson"}})
    whole = {**config().model_dump(), "transforms": transforms}
    one, other = (prepare(config_from(whole), frame(v)) for v in (VALUES, later))
    for left, right in zip(one.pipeline.chain.states, other.pipeline.chain.states, strict=True):
        np.testing.assert_array_equal(left, right)
    batches = [p.windows["train"].gather(torch.arange(20)) for p in (one, other)]
    assert torch.equal(batches[0].past, batches[1].past)
    assert torch.equal(batches[0].target, batches[1].target)


def test_missing_targets_are_filled_in_the_users_units():
    values = VALUES.copy()
    values[[3, 4, 58]] = np.nan
    prepared = prepare(config(data={"missing": "interpolate"}), frame(values))
    expected = pd.Series(values).interpolate().ffill().to_numpy()[:, None]
    np.testing.assert_allclose(prepared.filled_targets, expected, rtol=1e-12)


def test_weights_follow_from_the_seed_alone():
    prepared = prepare(config(model={"init": {"scheme": "xavier_uniform"}}), frame())

    def weights(seed):
        return torch.cat(
            [p.flatten() for p in new_learner(prepared, CPU, 0.1, seed).model.parameters()]
        )

    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = weights(7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(weights(7), first)
    assert not torch.equal(weights(8), first)


INDEX = np.arange(ROWS)


def where(condition, value):
    return frame(np.where(condition, value, VALUES))


REFUSED = {
    "constant": (frame().assign(y=0.25), {}),
    "constant in training": (where(INDEX < 38, 7.0), {}),
    "empty": (where(INDEX < 38, np.nan), {"data": {"missing": "mask"}}),
    "few rows": (frame(VALUES[:30]), {}),
    "differences": (
        frame(),
        {
            "transforms": [{"difference": {"lag": 12, "order": 2}}],
            "window": {"lookback": 20, "horizon": 4},
        },
    ),
    "short series": (panel(long=VALUES, a=VALUES[:8], small=VALUES[:28]), {}),
    "short series alone": (
        panel(a=VALUES[:10], b=VALUES[:11]),
        {"data": {"short_series": "skip"}, "split": {"validation": 3, "test": 3}},
    ),
    "leading empty cells": (where(INDEX < 35, np.nan), {"data": {"missing": "interpolate"}}),
    "no known target": (where((INDEX >= 6) & (INDEX < 38), np.nan), {"data": {"missing": "mask"}}),
    "empty validation": (
        where((INDEX >= 38) & (INDEX < 48), np.nan),
        {"data": {"missing": "mask"}},
    ),
    "empty covariate": (
        frame().assign(x=np.nan),
        {"data": {"past": ["x"], "missing": "interpolate"}},
    ),
    "gaps": (where(INDEX % 2 == 0, np.nan), {}),
    "validation": (frame(), {"split": {"validation": 2}}),
    "test": (frame(), {"split": {"test": 2}}),
}
SAYS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())["preparations"]


@pytest.mark.parametrize("name", [*REFUSED])
def test_what_cannot_be_trained_or_tested_is_refused_with_a_remedy(name):
    """In the words of tests/refusals.yaml, under `preparations`."""
    table, sections = REFUSED[name]
    error = ConfigError if SAYS[name].startswith("split") else DataError
    assert refused(error, table, **sections) == SAYS[name]


@pytest.mark.parametrize(
    ("table", "sections"),
    [
        (where(INDEX < 37, 7.0), {}),
        (frame(VALUES[:31]), {}),
        *((frame(), {"split": {part: rows}}) for part in ("validation", "test") for rows in (3, 0)),
    ],
)
def test_what_only_just_suffices_is_prepared(table, sections):
    windows = prepare(config(**sections), table).windows
    assert len(windows["train"]) > 0
    for part, rows in sections.get("split", {}).items():
        assert len(windows[part]) == (rows == 3)


def test_a_series_too_short_for_all_parts_is_trained_on_and_perhaps_judged():
    lengths = {"a": ROWS, "b": 30, "c": 17, "d": 18, "e": 11, "f": 9}
    prepared = prepare(config(), panel(**{name: VALUES[:n] for name, n in lengths.items()}))
    counts = [
        np.bincount(prepared.windows[part].series, minlength=6).tolist()
        for part in ("train", "validation", "test")
    ]
    # 6 + 3 rows make a window; a part of 3 rows or more is scored.
    assert counts == [[30, 1, 1, 1, 3, 1], [8, 7, 1, 1, 0, 0], [10, 10, 3, 4, 0, 0]]


def test_one_constant_series_among_others_is_no_error():
    prepared = prepare(config(), panel(a=VALUES, b=np.full(ROWS, 5.0)))
    assert len(prepared.windows["train"]) == 60


SHORT = {"long": VALUES, "tiny": VALUES[:5], "small": VALUES[:8]}


def test_short_series_are_skipped_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, "forecast"):
        prepared = prepare(config(data={"short_series": "skip"}), panel(**SHORT))
    assert caplog.messages == ["skipped 2 series too short to train on: tiny, small"]
    assert set(prepared.windows["train"].series.tolist()) == {0}
    many = {f"s{number}": VALUES[:7] for number in range(7)}
    with caplog.at_level(logging.WARNING, "forecast"):
        prepare(config(data={"short_series": "skip"}), panel(long=VALUES, **many))
    assert caplog.messages[-1] == (
        "skipped 7 series too short to train on: s0, s1, s2, s3, s4 and 2 more"
    )


# Changes over a season of 4 rows, in the first 38 of 60 rows: 4, 8 and 16 in every row.
RAMPS = {name: np.arange(ROWS) * slope for name, slope in (("a", 1.0), ("b", 2.0), ("c", 4.0))}
SEASON = {"data": {"path": "data", "season": 4}, "transforms": ()}


def weights_of(table, kind="mase", **sections):
    case = config_from({**config(training={"series_weights": kind}).model_dump(), **sections})
    prepared = prepare(case, table)
    parts = prepared.windows.values()
    assert all(windows.weights is prepared.windows["train"].weights for windows in parts)
    return prepared.windows["train"].weights


def test_equal_series_have_no_weights():
    assert weights_of(panel(**RAMPS), "equal", **SEASON) is None


NEARLY = np.array([1 / 4, 1 / 8, 1 / 16, 1 / 0.08, 1 / 8])
WEIGHED = {
    # 1 / 4, 1 / 8 and 1 / 16 over their mean, 7 / 48; mixed is halfway to 1.
    "mase": (panel(**RAMPS), "mase", {}, [[12 / 7], [6 / 7], [3 / 7]]),
    "mixed": (panel(**RAMPS), "mixed", {}, [[19 / 14], [13 / 14], [5 / 7]]),
    "targets": (
        frame(RAMPS["a"]).assign(z=RAMPS["c"]),
        "mase",
        {"data": {**SEASON["data"], "target": ("y", "z")}},
        [[1.6, 0.4]],
    ),
    "a constant series weighs as the average one": (
        panel(**RAMPS, d=np.full(ROWS, 3.0)),
        "mase",
        {},
        [[12 / 7], [6 / 7], [3 / 7], [1.0]],
    ),
    # As if it changed by a hundredth of the median series, 0.08.
    "a nearly constant one has no boundless weight": (
        panel(**RAMPS, d=RAMPS["a"] * 1e-9, e=RAMPS["b"]),
        "mase",
        {},
        (NEARLY / NEARLY.mean())[:, None],
    ),
    "3 training rows, less than a season": (
        panel(**RAMPS, d=RAMPS["a"][:3]),
        "mase",
        {"data": {**SEASON["data"], "short_series": "skip"}},
        [[12 / 7], [6 / 7], [3 / 7], [1.0]],
    ),
    # Standardised by series all ramps are alike; by all rows together they keep their ratio.
    "by series": (panel(**RAMPS), "mase", {"transforms": ("standardize",)}, [[1.0]] * 3),
    "by all rows": (
        panel(**RAMPS),
        "mase",
        {"transforms": ({"standardize": {"scope": "global"}},)},
        [[12 / 7], [6 / 7], [3 / 7]],
    ),
}


@pytest.mark.parametrize("name", WEIGHED)
def test_weights_of_series_by_hand(name):
    table, kind, sections, expected = WEIGHED[name]
    found = weights_of(table, kind, **{**SEASON, **sections})
    assert found.dtype == torch.float32
    assert found.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_later_rows_do_not_weigh():
    later = {name: np.where(np.arange(ROWS) < 38, v, v * 9 - 5) for name, v in RAMPS.items()}
    found, expected = (weights_of(panel(**table), **SEASON) for table in (later, RAMPS))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", ["mase", "mixed"])
def test_without_a_season_the_changes_from_row_to_row_weigh(kind):
    long, short = ({**SEASON, "data": {"path": "data", "season": each}} for each in (40, 1))
    assert torch.equal(*(weights_of(panel(**RAMPS), kind, **each) for each in (long, short)))


@pytest.mark.parametrize("kind", ["mase", "mixed"])
def test_weights_of_series_that_never_change_are_refused(kind):
    levels = zip(RAMPS, (3.0, 4.0, 5.0), strict=True)
    still = {name: np.append(np.full(ROWS - 8, level), np.arange(8.0)) for name, level in levels}
    with pytest.raises(ConfigError) as caught:
        weights_of(panel(**still), kind, **SEASON)
    assert str(caught.value) == (
        f"training.series_weights: {kind} divides by the mean change of a series, and no series"
        " changes in its training rows; set it to equal"
    )
