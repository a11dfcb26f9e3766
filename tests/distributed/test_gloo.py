"""What processes exchange, and how they miss one that is lost."""

import os
import time

import torch

from forecast.distributed.gloo import broadcast_bytes
from forecast.training.ranks import ONE_PROCESS
from tests.distributed.helpers import FORK, in_processes


def test_all_get_the_rows_of_all_in_the_order_of_ranks_and_what_rank_0_says(tmp_path):
    def work(ranks):
        rows = ranks.exchange.all_gather(torch.full((2, 3), float(ranks.rank)))
        text = broadcast_bytes(ranks, b"what rank 0 knows" if ranks.is_first else b"")
        number, nothing = ranks.broadcast(ranks.rank + 0.5), broadcast_bytes(ranks, b"")
        return [row.unique().item() for row in rows], number, text, nothing

    assert in_processes(3, work, tmp_path) == [([0, 1, 2], 0.5, b"what rank 0 knows", b"")] * 3


def test_one_process_tells_itself():
    assert broadcast_bytes(ONE_PROCESS, b"x") == b"x"


def lost(ranks, how):
    """What rank 0 says, and after how long, when rank 1 does something instead of its part."""
    ranks.broadcast(0.0)
    if ranks.rank == 1:
        return how()
    began = time.monotonic()
    try:
        ranks.broadcast(1.0)  # rank 0 may send into the void, so that it asks for more
        ranks.exchange.all_gather(torch.zeros(100_000))
    except Exception as error:
        return f"{type(error).__name__}: {error}", time.monotonic() - began


def test_a_process_that_ended_is_missed_at_once(tmp_path):
    (said, seconds), other = in_processes(
        2, lambda ranks: lost(ranks, lambda: os._exit(9)), tmp_path
    )
    message = "ProcessLostError: a process of the training has ended, or has not answered for 20 s"
    assert (said, other) == (message, "no answer")
    assert seconds < 15  # sooner than the 20


def test_a_process_that_hangs_is_missed_after_the_time_it_was_given(tmp_path):
    is_told = FORK.Event()

    def work(ranks):
        try:
            return lost(ranks, lambda: is_told.wait(60))
        finally:
            is_told.set()

    said, seconds = in_processes(2, work, tmp_path, seconds=2.0)[0]
    assert said.startswith("ProcessLostError: a process of the training has ended, or has not")
    assert 1.5 < seconds < 20
