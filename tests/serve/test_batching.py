"""What waits for the thread that forecasts, and when it becomes a batch."""

from dataclasses import replace

import pytest

from forecast.serve import batching
from forecast.serve.batching import Batcher, Job
from forecast.serve.limits import Limits
from forecast.serve.models import Models


@pytest.mark.parametrize(
    ("waiting", "coming", "batch"), [(1, [1], 1), (2, [], 2), (2, [3, 1], 6), (2, [9, 1], 8)]
)
def test_a_batch_begins_when_no_more_come_or_it_is_full(monkeypatch, waiting, coming, batch):
    batcher = Batcher(Models([]), replace(Limits(), batch=8))

    def submit(number):
        for _ in range(number):
            batcher.submit(Job(lambda: None, ""))

    gaps = iter(coming)
    monkeypatch.setattr(batching.time, "sleep", lambda _: submit(next(gaps, 0)))
    submit(waiting)
    assert len(batcher._next()) == batch
