"""`scripts/pretrain.py`: batches follow from seed and step, and a run goes on where it stopped."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast.runs.checkpoint import load_checkpoint

SCRIPT = Path(__file__).parents[2] / "scripts" / "pretrain.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("pretrain", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def small(script, monkeypatch):
    """Batches of a few series, drawn in this process."""
    monkeypatch.setattr(script, "BATCH", 8)
    monkeypatch.setattr(script, "LONG_BATCH", 8)
    monkeypatch.setattr(script, "SAVE_EVERY", 2)

    def here(seed, first, steps):
        return (script.drawn_batch(seed, step) for step in range(first, steps))

    monkeypatch.setattr(script, "batches", here)
    return script


def test_a_batch_follows_from_seed_and_step(small):
    for step in range(12):
        (task, values), (same, again) = small.drawn_batch(1, step), small.drawn_batch(1, step)
        assert task == same
        np.testing.assert_array_equal(values, again)
        assert values.shape == (8, task.rows + task.horizon)
        assert np.isfinite(values[:, task.rows :]).all()
        assert not np.isnan(values[:, task.rows - 1]).any()  # every history ends with a value
    assert small.drawn_batch(1, 0)[0] != small.drawn_batch(2, 0)[0]


def test_the_loss_of_a_series_is_in_units_of_its_seasonal_changes(small):
    task = small.Task(season=2, long_season=0, rows=6, horizon=2, count=1)
    values = np.array([[0.0, 4, 1, 5, 2, 6, 3, 7]])
    assert small.windows_of(task, values).weights.item() == pytest.approx(1.0)
    assert small.windows_of(task, 10 * values).weights.item() == pytest.approx(0.1)
    assert small.windows_of(task, np.zeros((1, 8))).weights.item() == 0


def test_an_interrupted_run_goes_on_to_the_same_weights(small, tmp_path):
    whole, halves = tmp_path / "whole.safetensors", tmp_path / "halves.safetensors"
    small.train(small.learner_of(1e-3, 8), whole, 0, 4, seed=1)
    stop_after(small, small.learner_of(1e-3, 8), halves, 2)
    second = small.learner_of(1e-3, 8)
    assert small.restore(second, halves) == 2
    small.train(second, halves, 2, 4, seed=1)
    one, other = (load_checkpoint(path, small.KIND)[0] for path in (whole, halves))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def stop_after(script, learner, output, steps):
    """Train for four steps, but be interrupted after some."""
    batches = script.batches

    class InterruptedRunError(Exception):
        pass

    def some(seed, first, last):
        for number, batch in enumerate(batches(seed, first, last)):
            if number == steps:
                raise InterruptedRunError
            yield batch

    script.batches = some
    try:
        with pytest.raises(InterruptedRunError):
            script.train(learner, output, 0, 4, seed=1)
    finally:
        script.batches = batches
