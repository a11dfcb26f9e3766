"""TensorBoard gets every epoch of every member, on request."""

import builtins

import pytest

from forecast.cli.tensorboard import tensorboard
from forecast.errors import ConfigError
from tests.training.test_watch import progress


def scalars_in(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_every_epoch(tmp_path):
    with tensorboard(tmp_path) as record:
        assert list(tmp_path.iterdir()) == [], "nothing is written before the first epoch"
        record(progress(1))
        record(progress(2, validation=None, loss=0.25))
        record(progress(1, member=1))
    assert scalars_in(tmp_path / "tensorboard") == {
        "0/loss/train": [(1, 0.5), (2, 0.25)],
        "0/loss/validation": [(1, 0.25)],
        "0/learning_rate": [(1, pytest.approx(1e-3)), (2, pytest.approx(1e-3))],
        "0/gradient_norm/stack.weight": [(1, 2.0), (2, 2.0)],
        "1/loss/train": [(1, 0.5)],
        "1/loss/validation": [(1, 0.25)],
        "1/learning_rate": [(1, pytest.approx(1e-3))],
        "1/gradient_norm/stack.weight": [(1, 2.0)],
    }


def test_tensorboard_missing_is_said_with_the_remedy(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_tensorboard(name, *arguments, **options):
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_tensorboard)
    with (
        pytest.raises(ConfigError, match=r"pip install 'forecast-lstm\[tensorboard\]'"),
        tensorboard(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tensorboard(None) as record:
        record(progress(1))
    assert list(tmp_path.iterdir()) == []
