"""The sum over chunks: one tree for any number of processes, and a training with it."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.optimizers import GradientDescent
from forecast.config.schedules import ExponentialAverage
from forecast.training import learner as learners
from forecast.training.loop import fit
from forecast.training.ranks import Node, Ranks, _nodes_of, _share, reduced
from tests.distributed.helpers import in_processes
from tests.training.helpers import skip_without
from tests.training.test_step import make_learner, make_windows


def tree_sum(values: list[float]) -> float:
    """In float32, by the definition: the left half is the largest power of two below the whole."""
    if len(values) == 1:
        return values[0]
    half = 1 << (len(values) - 1).bit_length() - 1
    left, right = torch.tensor(tree_sum(values[:half])), torch.tensor(tree_sum(values[half:]))
    return float(left + right)


class InTurn:
    """An exchange between ranks of one process: each asks once to give, and again to get."""

    def __init__(self, size):
        self.rows, self.size = [], size

    def all_gather(self, values):
        if len(self.rows) < self.size:
            self.rows.append(values)
            raise BlockingIOError
        return self.rows


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 2**31))
def test_the_sum_is_that_of_the_tree_for_any_number_of_processes(count, size, seed):
    values = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * 1000
    like = (torch.zeros(()), torch.zeros(2))

    def results(share):
        return [(values[number], values[number].expand(2)) for number in share]

    exchange, expected = InTurn(size), tree_sum(values.tolist())
    everybody = [Ranks(rank, size, exchange) for rank in range(size)]
    for ranks in everybody if count > 1 else ():
        with pytest.raises(BlockingIOError):
            ranks.sum(results(ranks.share(count)), count, like)
    for ranks in everybody:
        one, two = ranks.sum(results(ranks.share(count)), count, like)
        assert one.item() == expected
        assert two.tolist() == [expected] * 2


@given(st.integers(1, 70), st.integers(1, 9))
def test_shares_are_dealt_out_and_their_nodes_are_known_to_all(count, size):
    shares = [_share(count, rank, size) for rank in range(size)]
    assert [*itertools.chain(*shares)] == [*range(count)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    for share in shares:
        nodes = reduced(Node(number, 1, (torch.ones(()),)) for number in share)
        assert [(node.first, node.length) for node in nodes] == _nodes_of(share)
        assert [int(node.parts[0]) for node in nodes] == [node.length for node in nodes]


def test_a_process_alone_asks_nobody():
    assert Ranks().broadcast(2.5) == 2.5
    assert Ranks().is_first
    Ranks().require_same([torch.ones(3)])


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of four windows at most, of a batch of 32."""
    monkeypatch.setattr(learners, "LEAST_WORK_TO_SHARE", 1)
    monkeypatch.setattr(learners, "MOST_WORK_OF_A_CHUNK", 32 * 8 * 12 // 8)


ALL_AT_ONCE = {"dropout": 0.3, "clip_norm": 0.5, "averaging": ExponentialAverage(), "l2": 0.01}
VARIANTS = {
    "dropout, clipping, EMA, penalty": ALL_AT_ONCE,
    "full batches": {"dropout": 0.3, "optimizer": GradientDescent()},
    "batch norm": {"batch_norm": True},
    "bf16": {"precision": "bf16", "clip_value": 0.01},
}


def trained(options, ranks: Ranks, threads: int = 1):
    """Losses and weights after two epochs; a batch of 32, the last one short, masked, weighted."""
    torch.set_num_threads(threads)
    learner = make_learner(epochs=2, **options)
    windows = make_windows(75, masked=True, weighted=True)
    history = [*fit(learner, windows, make_windows(20), most_seconds=60.0, ranks=ranks)]
    ranks.require_same(learner.weights)
    losses = [(epoch.train_loss, epoch.validation_loss) for epoch in history]
    return losses, [weight.tolist() for weight in learner.eval_model.state_dict().values()]


def test_three_processes_give_the_bytes_of_one(small_chunks, tmp_path):
    expected = trained(ALL_AT_ONCE, Ranks())
    found = in_processes(3, lambda ranks: trained(ALL_AT_ONCE, ranks), tmp_path)
    assert found == [expected] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_bytes_of_a_training_do_not_depend_on_the_processes(name, small_chunks, tmp_path):
    skip_without(VARIANTS[name].get("precision", "float32"))
    found = []
    for size in (1, 2, 3, 4):
        found += in_processes(size, lambda ranks: trained(VARIANTS[name], ranks), tmp_path)
    assert len(found) == 10
    assert all(each == found[0] for each in found)


def test_neither_do_they_on_threads_within_the_processes(small_chunks, tmp_path):
    before = torch.get_num_threads()
    alone = trained(ALL_AT_ONCE, Ranks())
    found = in_processes(2, lambda ranks: trained(ALL_AT_ONCE, ranks, threads=2), tmp_path)
    torch.set_num_threads(before)
    assert found == [alone, alone]


def test_weights_that_differ_are_refused(tmp_path):
    def compare(ranks):
        ranks.require_same([torch.ones(3), torch.full((2,), 1.0 + 1e-7 * ranks.rank)])

    found = in_processes(2, compare, tmp_path)
    assert all(each.startswith("ConfigError: the processes of the training have") for each in found)
