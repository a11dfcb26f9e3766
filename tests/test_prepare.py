"""From a configuration to windows and fresh models: what is resolved, refused, and never leaked."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

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
    values[[3, 4, 59]] = np.nan
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


def test_a_constant_target_is_refused_by_name_and_value():
    constant = frame().assign(y=0.25)
    assert refused(DataError, constant) == (
        "data: column 'y' is constant (0.25 in all training rows); there is nothing to learn;"
        " leave it out of data.target"
    )
    values = np.where(np.arange(ROWS) < 38, 7.0, VALUES)
    assert "column 'y' is constant (7 in all training rows)" in refused(DataError, frame(values))
    prepare(config(), frame(np.where(np.arange(ROWS) < 37, 7.0, VALUES)))


def test_one_constant_series_among_others_is_no_error():
    prepared = prepare(config(), panel(a=VALUES, b=np.full(ROWS, 5.0)))
    assert len(prepared.windows["train"]) == 60


def test_an_empty_target_is_refused_by_name():
    values = np.where(np.arange(ROWS) < 38, np.nan, VALUES)
    message = refused(DataError, frame(values), data={"missing": "mask"})
    assert message == "data: column 'y' is empty in all training rows"


def test_too_few_training_rows_are_counted_and_the_remedy_named():
    assert refused(DataError, frame(VALUES[:30])) == (
        "data: there are 8 training rows, too few for one window of lookback 6 + horizon 3 = 9"
        " rows; lower window.lookback or window.horizon"
    )
    with_difference = config_from(
        {**config().model_dump(), "transforms": ({"difference": {"lag": 12, "order": 2}},)}
    )
    with pytest.raises(DataError, match=r"38 training rows.* \+ 24 for differences = 48 rows"):
        prepare(
            config_from({**with_difference.model_dump(), "window": {"lookback": 20, "horizon": 4}}),
            frame(),
        )
    prepare(config(), frame(VALUES[:31]))


SHORT = {"long": VALUES, "tiny": VALUES[:25], "small": VALUES[:28]}


def test_a_short_series_is_named_and_an_error():
    assert refused(DataError, panel(**SHORT)) == (
        "data: series tiny has 3 training rows, too few for one window of lookback 6 + horizon 3"
        " = 9 rows; lower window.lookback or window.horizon, or set data.short_series: skip"
    )


def test_short_series_are_skipped_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, "forecast"):
        prepared = prepare(config(data={"short_series": "skip"}), panel(**SHORT))
    assert caplog.messages == ["skipped 2 series too short to train on: tiny, small"]
    assert set(prepared.windows["train"].series.tolist()) == {0}
    many = {f"s{number}": VALUES[:25] for number in range(7)}
    with caplog.at_level(logging.WARNING, "forecast"):
        prepare(config(data={"short_series": "skip"}), panel(long=VALUES, **many))
    assert caplog.messages[-1] == (
        "skipped 7 series too short to train on: s0, s1, s2, s3, s4, ..."
    )


def test_a_panel_of_short_series_alone_is_an_error_even_with_skip():
    tiny = panel(a=VALUES[:25], b=VALUES[:26])
    message = refused(DataError, tiny, data={"short_series": "skip"})
    assert "series a has 3 training rows" in message
    assert message.endswith("lower window.lookback or window.horizon")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_part_too_small_for_one_horizon_is_refused(part):
    message = refused(ConfigError, frame(), split={part: 2})
    assert message == (
        f"split.{part}: 2 rows hold no window of 3 known steps; give it at least 3 rows, or 0"
    )
    assert len(prepare(config(split={part: 3}), frame()).windows[part]) == 1
    assert len(prepare(config(split={part: 0}), frame()).windows[part]) == 0


def test_leading_empty_cells_do_not_count_as_rows():
    values = np.where(np.arange(ROWS) < 35, np.nan, VALUES)
    message = refused(DataError, frame(values), data={"missing": "interpolate"})
    assert "there are 38 training rows, too few of them known for one window" in message


def test_a_part_with_rows_but_no_known_step_is_refused():
    values = np.where(np.arange(ROWS) >= 48, np.nan, VALUES)
    message = refused(ConfigError, frame(values), data={"missing": "mask"})
    assert message == (
        "split.test: 12 rows hold no window of 3 known steps; give it more rows, or 0"
    )


def test_a_training_part_without_known_targets_is_refused():
    values = np.where((np.arange(ROWS) >= 6) & (np.arange(ROWS) < 38), np.nan, VALUES)
    message = refused(DataError, frame(values), data={"missing": "mask"})
    assert message.startswith("data: no training window has a known value to forecast; set")


def test_gaps_that_leave_no_window_are_refused():
    values = VALUES.copy()
    values[::2] = np.nan
    message = refused(DataError, frame(values))
    assert message.startswith("data row 0: column 'y' is empty (30 empty cells in all)")
    assert "set data.missing" in message


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


def test_weights_of_series_by_hand():
    """1 / 4, 1 / 8 and 1 / 16 over their mean, 7 / 48; mixed is halfway to 1."""
    found = weights_of(panel(**RAMPS), **SEASON)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), [[12 / 7], [6 / 7], [3 / 7]], rtol=1e-6)
    mixed = weights_of(panel(**RAMPS), "mixed", **SEASON)
    np.testing.assert_allclose(mixed.numpy(), [[19 / 14], [13 / 14], [5 / 7]], rtol=1e-6)
    assert found.mean() == pytest.approx(1.0)
    assert mixed.mean() == pytest.approx(1.0)


def test_later_rows_do_not_weigh():
    later = {name: np.where(np.arange(ROWS) < 38, v, v * 9 - 5) for name, v in RAMPS.items()}
    found, expected = (weights_of(panel(**table), **SEASON) for table in (later, RAMPS))
    assert torch.equal(found, expected)


def test_weights_are_of_the_models_scale():
    """Standardised by series all ramps are alike; by all rows together they keep their ratio."""
    alone = {**SEASON, "transforms": ("standardize",)}
    np.testing.assert_allclose(weights_of(panel(**RAMPS), **alone).numpy(), 1.0, rtol=1e-5)
    together = {**SEASON, "transforms": ({"standardize": {"scope": "global"}},)}
    found = weights_of(panel(**RAMPS), **together).numpy()
    np.testing.assert_allclose(found, [[12 / 7], [6 / 7], [3 / 7]], rtol=1e-5)


def test_every_target_has_its_own_weight():
    table = frame(RAMPS["a"]).assign(z=RAMPS["c"])
    data = {**SEASON["data"], "target": ("y", "z")}
    found = weights_of(table, **{**SEASON, "data": data})
    np.testing.assert_allclose(found.numpy(), [[1.6, 0.4]], rtol=1e-6)


def test_a_constant_series_weighs_as_the_average_one():
    found = weights_of(panel(**RAMPS, d=np.full(ROWS, 3.0)), **SEASON)
    np.testing.assert_allclose(found.numpy(), [[12 / 7], [6 / 7], [3 / 7], [1.0]], rtol=1e-6)


def test_a_nearly_constant_series_gains_no_boundless_weight():
    """As if it changed by a hundredth of the median series, 0.08."""
    found = weights_of(panel(**RAMPS, d=RAMPS["a"] * 1e-9, e=RAMPS["b"]), **SEASON)
    shares = np.array([1 / 4, 1 / 8, 1 / 16, 1 / 0.08, 1 / 8])
    np.testing.assert_allclose(found.numpy()[:, 0], shares / shares.mean(), rtol=1e-5)


def test_a_series_without_known_changes_weighs_as_the_average_one():
    short = panel(**RAMPS, d=RAMPS["a"][:25])  # 3 training rows, less than a season
    data = {**SEASON["data"], "short_series": "skip"}
    found = weights_of(short, **{**SEASON, "data": data})
    np.testing.assert_allclose(found.numpy()[-1], 1.0)


@pytest.mark.parametrize("kind", ["mase", "mixed"])
def test_weights_without_a_season_are_refused(kind):
    with pytest.raises(ConfigError) as caught:
        weights_of(panel(**RAMPS), kind, **{**SEASON, "data": {"path": "data", "season": 40}})
    assert str(caught.value) == (
        f"training.series_weights: {kind} divides by the mean change over a season, here 40 rows,"
        " and no series has one in its training rows; lower data.season, or set it to equal"
    )
