"""Which windows an epoch reads: counts against what chance allows, orders against the windows."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from forecast.config.training import TrainingConfig
from forecast.data.windows import Windows
from forecast.training.sampling import epoch_order, in_order, windows_in_epoch
from tests.training.helpers import windows_over

UNIFORM = TrainingConfig(sampling="uniform", epoch_windows=30_000)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def make_windows(series: list[int]) -> Windows:
    """Windows of one row of these series, each at a row of its own."""
    first_rows = torch.searchsorted(torch.tensor(series), torch.arange(max(series) + 1))
    return windows_over(torch.zeros(len(series) + 1, 1), 1, 1, first_rows=first_rows)


def order_of(windows: Windows, config: TrainingConfig, seed: int = 0) -> list[int]:
    generator = torch.Generator(windows.starts.device).manual_seed(seed)
    return epoch_order(windows, config, generator).tolist()


def number_of(count: int) -> Windows:
    return make_windows([0] * count)


@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_all_windows_are_read_once(count: int, seed: int) -> None:
    assert sorted(order_of(number_of(count), TrainingConfig(), seed)) == list(range(count))


@given(count=st.integers(1, 30), wanted=st.integers(1, 100), seed=st.integers(0, 99))
def test_none_is_read_again_before_all_are(count: int, wanted: int, seed: int) -> None:
    config = TrainingConfig(epoch_windows=wanted)
    order = order_of(number_of(count), config, seed)
    assert len(order) == wanted == windows_in_epoch(count, config)
    for first in range(0, wanted, count):
        group = order[first : first + count]
        assert len(set(group)) == len(group)
        assert set(group) <= set(range(count))


@pytest.mark.parametrize("wanted", [3, 50])
def test_every_window_has_the_same_chance(wanted: int) -> None:
    """Fewer windows than there are, over many epochs; each seed is an epoch."""
    config = TrainingConfig(epoch_windows=wanted)
    seen = Counter(
        number for seed in range(400) for number in order_of(number_of(20), config, seed)
    )
    rest = np.array([seen[number] for number in range(20)]) - 400 * (wanted // 20)
    assert rest.sum() == 400 * (wanted % 20)
    assert chisquare(rest).pvalue > 0.001


@pytest.mark.parametrize("sampling", ["all", "uniform"])
def test_orders_follow_from_the_generator_alone(sampling: str) -> None:
    windows = make_windows([0] * 9 + [1] * 5)
    config = TrainingConfig(sampling=sampling)
    first = order_of(windows, config, 1)
    torch.manual_seed(4)
    state = torch.get_rng_state()
    assert order_of(windows, config, 1) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert order_of(windows, config, 2) != first


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("skipped", [False, True])
def test_uniform_reads_every_series_equally_often(skipped: bool, device: str) -> None:
    """Whatever its number of windows; a series without windows is none."""
    lengths = {0: 2, 1: 500, 2: 0 if skipped else 3, 3: 50}
    series = [number for number, length in lengths.items() for _ in range(length)]
    order = order_of(make_windows(series).to(torch.device(device)), UNIFORM)
    assert len(order) == 30_000
    seen = Counter(series[number] for number in order)
    assert set(seen) == {number for number, length in lengths.items() if length}
    assert chisquare(list(seen.values())).pvalue > 0.001
    for number, length in lengths.items():
        own = [place for place in range(len(series)) if series[place] == number]
        counts = Counter(place for place in order if series[place] == number)
        assert set(counts) == set(own)
        assert length < 2 or chisquare([counts[place] for place in own]).pvalue > 0.001


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    wanted=st.none() | st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_uniform_reads_as_many_windows_as_wanted_and_none_that_is_not_there(
    lengths, wanted, seed: int
) -> None:
    windows = make_windows([number for number, each in enumerate(lengths) for _ in range(each)])
    config = TrainingConfig(sampling="uniform", epoch_windows=wanted)
    order = order_of(windows, config, seed)
    assert len(order) == (wanted or sum(lengths))
    assert 0 <= min(order) <= max(order) < sum(lengths)


def test_uniform_over_one_series_draws_with_repetition() -> None:
    order = order_of(number_of(50), TrainingConfig(sampling="uniform"))
    assert len(order) == 50 > len(set(order)) > 20


@given(count=st.integers(1, 40), size=st.integers(1, 50))
def test_in_order_is_every_window_as_it_stands(count: int, size: int) -> None:
    batches = list(in_order(number_of(count), size))
    assert torch.cat(batches).tolist() == list(range(count))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 0 < len(batches[-1]) <= size
