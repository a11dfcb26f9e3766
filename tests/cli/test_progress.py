"""Progress: a bar on a terminal, lines now and then elsewhere, TensorBoard on request."""

import builtins
import io
import logging
import re
import sys

import pytest

from forecast.cli import progress as progress_module
from forecast.cli.progress import epoch_bar, tensorboard
from forecast.errors import ConfigError
from forecast.runs.log import stderr_log
from forecast.training.loop import Epoch
from forecast.training.session import Progress


class Terminal(io.StringIO):
    """What stderr is to a person."""

    def isatty(self):
        return True


def progress(number, member=0, members=1, validation=0.25, loss=0.5, **more):
    epoch = Epoch(number, 4 * number, loss, validation, 1e-3, 0.1, {"stack.weight": 2.0})
    return Progress(member, members, epoch, 10, **more)


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_without_a_terminal_the_first_epoch_and_then_one_in_ten_seconds_is_a_line(
    capsys, monkeypatch
):
    clock = iter([100.0, 101.0, 111.0, 112.0, 113.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        for number in (1, 2, 3, 4):
            show(progress(number))
        show(progress(1, member=1, members=2, validation=None))
    assert capsys.readouterr().err == (
        "INFO: epoch 1/10: loss 0.5, validation 0.25\n"
        "INFO: epoch 3/10: loss 0.5, validation 0.25\n"
        "INFO: model 2/2, epoch 1/10: loss 0.5\n"
    )


def test_the_time_that_is_left_is_shown(capsys):
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        show(progress(1, seconds_left=250.0))
    assert capsys.readouterr().err == (
        "INFO: epoch 1/10: loss 0.5, validation 0.25, at most 4 min left\n"
    )


def test_a_terminal_gets_a_bar_and_log_lines_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        show(progress(5, member=1, members=2, loss=0.0625))
        logging.getLogger("forecast").info("stopped: early")
    shown = plain(terminal.getvalue())
    assert "model 2/2, epoch 5/10: loss 0.0625, validation 0.25" in shown
    assert "50%" in shown
    assert "\rINFO: stopped: early\n" in shown
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K"), "the bar is wiped off at the end"
    assert sys.stderr is terminal


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_quiet_shows_nothing(stderr, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stderr())
    with stderr_log(quiet=True), epoch_bar(quiet=True) as show:
        show(progress(1))
    assert sys.stderr.getvalue() == ""


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
        pytest.raises(ConfigError, match=r"pip install 'forecast\[tensorboard\]'"),
        tensorboard(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tensorboard(None) as record:
        record(progress(1))
    assert list(tmp_path.iterdir()) == []
