"""Workers: results in order, few at a time, one thread each, faults passed on."""

import threading
import time

import pytest
import torch

from forecast.training.workers import ALONE, ITEMS_AHEAD, workers_for

CPU = torch.device("cpu")


@pytest.fixture
def threads():
    """Let torch have so many threads."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_results_come_in_order_whoever_is_done_first(count, threads):
    threads(count)

    def slower_at_first(number):
        time.sleep(0.01 if number < 2 else 0)
        return number, threading.get_ident()

    with workers_for(CPU) as workers:
        found = list(workers.map(slower_at_first, range(20)))
    assert [number for number, _ in found] == list(range(20))
    idents = {ident for _, ident in found}
    assert len(idents) <= count
    assert threading.get_ident() in idents


def test_each_worker_has_one_thread_and_the_caller_gets_his_own_back(threads):
    threads(3)
    with workers_for(CPU) as workers:
        assert torch.get_num_threads() == 1
        assert set(workers.map(lambda _: torch.get_num_threads(), range(6))) == {1}
    assert torch.get_num_threads() == 3
    with pytest.raises(KeyError), workers_for(CPU):
        raise KeyError
    assert torch.get_num_threads() == 3


def test_a_fault_is_passed_on_and_what_waits_is_not_begun(threads):
    threads(2)
    begun = []

    def faulty(number):
        begun.append(number)
        time.sleep(0.01)
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 0"), workers_for(CPU) as workers:
        list(workers.map(faulty, range(1000)))
    assert len(begun) <= 2 * ITEMS_AHEAD + 3


def test_few_items_are_taken_before_the_first_result_is_asked_for(threads):
    threads(2)
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with workers_for(CPU) as workers:
        results = workers.map(lambda number: number, items())
        assert next(results) == 0
        assert len(taken) == 2 * ITEMS_AHEAD + 1


def test_alone_nothing_is_begun_before_it_is_asked_for():
    begun = []
    results = ALONE.map(begun.append, range(5))
    assert begun == []
    next(results)
    assert begun == [0]


def test_other_devices_share_nothing_out(threads):
    threads(2)
    with workers_for(torch.device("meta")) as workers:
        assert workers == ALONE
        assert torch.get_num_threads() == 2
