"""Progress: a bar on a terminal and in a notebook, lines now and then elsewhere."""

import io
import logging
import math
import re
import sys
from types import SimpleNamespace

import pytest

from forecast.config.training import TrainingConfig
from forecast.runs.log import stderr_log
from forecast.training.loop import Epoch, EpochProgress
from forecast.training.progress import Progress, progress_of, so_far
from forecast.training.watch import epoch_bar, is_notebook, notebook_bar


class Terminal(io.StringIO):
    """What stderr is to a person."""

    def isatty(self):
        return True


def progress(number, member=0, members=1, validation=0.25, loss=0.5, **more):
    epoch = Epoch(number, 4 * number, loss, validation, 1e-3, 0.1, {"stack.weight": 2.0})
    return Progress(member, members, epoch, 10, 40, **{"best": 0.25, **more})


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_without_a_terminal_the_first_epoch_and_then_one_in_thirty_seconds_is_a_line(
    capsys, monkeypatch
):
    clock = iter([100.0, 101.0, 131.0, 132.0, 133.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        for number in (1, 2, 3, 4):
            show(progress(number))
        show(progress(1, member=1, members=2, validation=None))
    assert capsys.readouterr().err == (
        "INFO: epoch 1/10: loss 0.5, validation 0.25, best 0.25\n"
        "INFO: epoch 3/10: loss 0.5, validation 0.25, best 0.25\n"
        "INFO: model 2/2, epoch 1/10: loss 0.5, best 0.25\n"
    )


def test_the_time_that_is_left_is_shown(capsys):
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        show(progress(1, seconds_left=250.0))
    assert capsys.readouterr().err == (
        "INFO: epoch 1/10: loss 0.5, validation 0.25, best 0.25, at most 4 min left\n"
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


def test_a_long_epoch_is_told_of_on_the_way(capsys):
    with stderr_log(quiet=False), epoch_bar(quiet=False) as show:
        show(progress(1, validation=None, best=math.inf, is_done=False))
    assert capsys.readouterr().err == "INFO: epoch 1/10, step 4/40: loss 0.5\n"


def test_a_notebook_gets_one_line_that_changes(monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/plain"])

    def display(content, raw, display_id):
        assert (raw, display_id) == (True, True)
        return Handle()

    module = SimpleNamespace(display=display)
    shell = SimpleNamespace()
    ipython = SimpleNamespace(display=module, get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert not is_notebook()
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    assert not is_notebook(), "a program that has imported kernels, to start them, is none"
    shell.kernel = SimpleNamespace()
    assert is_notebook()
    show = notebook_bar()
    show(progress(5))
    assert shown == ["█" * 15 + "░" * 15 + " epoch 5/10: loss 0.5, validation 0.25, best 0.25"]


def epoch(number, loss, seconds):
    return Epoch(number, 4 * number, 1.0, loss, 1e-3, seconds)


def test_time_left_follows_from_the_steps_of_all_members():
    config = TrainingConfig(epochs=10, ensemble=3)
    first, second = [epoch(n, 0.5, 10.0 * n) for n in (1, 2)], [epoch(1, 0.75, 10.0)]
    found = progress_of(config, [first, second], 40, second[0], is_done=True, is_again=False)
    assert (found.member, found.members, found.best) == (1, 3, 0.75)
    assert found.seconds_left == (40 - 4 + 40) * 30 / 12, "30 s for 12 steps"
    brief = TrainingConfig(epochs=10, ensemble=3, max_minutes=1)
    assert (
        progress_of(
            brief, [first, second], 40, second[0], is_done=True, is_again=False
        ).seconds_left
        == 60 - 30
    )


def test_an_epoch_that_is_not_over_is_what_it_has_come_to():
    running = so_far(EpochProgress(6, (1.0, 3.0), 12.0), [epoch(1, 0.5, 10.0)])
    assert (running.number, running.step, running.train_loss) == (2, 6, 2.0)
    assert running.validation_loss is None
