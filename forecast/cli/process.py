"""How the command line sets up its process: streams, environment, modules, signals.

Nothing that it finds there may change a result, end a training, or print between the lines of one.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator

from forecast.cli.streams import open_streams

SWITCHES: tuple[str, ...] = ("ARROW_", "JAXTYPING_", "MPLBACKEND", "NPY_", "NUMPY_", "PANDAS_")
SWITCHES += ("PYTORCH_JIT", "SCIPY_", "SKLEARN_", "TORCH_", "TORCHDYNAMO_", "TORCHINDUCTOR_")
SWITCHES += ("LANG", "LC_", "MATPLOTLIBRC")
SWITCHES += ("DNNL_VERBOSE", "GOMP_", "MKL_VERBOSE", "OMP_", "ONEDNN_VERBOSE")
"""Beginnings of variables by which libraries change results, print to stdout, or do not start."""
FOLDERS = ("HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Where libraries keep settings and caches: never in the working folder."""
THREADS = "OMP_NUM_THREADS"
MOST_THREADS = 4096
OFTEN, SELDOM = gc.get_threshold(), (100_000, 50, 50)
"""New objects, and rounds, after which Python looks for garbage: as it does by itself, which is 550
times while modules are imported and a tenth of that time; and for commands, which leave none."""
HANG_UP = getattr(signal, "SIGHUP", None)
"""None on Windows."""
SIGNALS = (signal.SIGTERM, *([HANG_UP] if HANG_UP else []))
"""That end a command like Ctrl-C."""


def own_process() -> None:
    """Make the process that this program runs in its own, before it imports a library."""
    gc.set_threshold(*SELDOM)
    atexit.register(gc.freeze)  # Python looks through all modules before it ends: 0.3 s, if idle
    open_streams()
    _set_environment()
    sys.path[:] = _without_working_folder(sys.path, os.environ.get("PYTHONPATH", ""))


def long_lived() -> None:
    """Let what is loaded stay, and look for garbage as often as Python does by itself."""
    gc.freeze()  # looking through all modules again took 100 ms, with all requests waiting
    gc.set_threshold(*OFTEN)


def quiet_libraries() -> None:
    """Let libraries warn nobody but the debugger: their warnings are no matter of the user's."""
    import logging  # not for --help

    if not os.environ.get("FORECAST_DEBUG"):
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(logging.NullHandler())


def _set_environment() -> None:
    """Take the switches of libraries away, but for a number of threads that is one."""
    threads = os.environ.get(THREADS, "")
    is_number = threads.isascii() and threads.isdigit() and 0 < int(threads[:9]) <= MOST_THREADS
    for name in [name for name in os.environ if name.startswith(SWITCHES)]:
        if name != THREADS or not is_number:
            del os.environ[name]
    for name in FOLDERS:
        if name in os.environ and not os.path.isabs(os.environ[name]):
            del os.environ[name]
    if threads and not is_number:
        print(f"WARNING: {THREADS} is no number of threads: not followed", file=sys.stderr)
    os.environ["MPLBACKEND"] = "Agg"


def _without_working_folder(path: list[str], explicit: str) -> list[str]:
    """The search path of modules without the working folder, unless PYTHONPATH names it.

    An empty place in PYTHONPATH is the working folder, too, which hardly anybody means.
    """
    with contextlib.suppress(OSError):  # the working folder is gone
        here = os.getcwd()
        if here not in {os.path.abspath(each) for each in explicit.split(os.pathsep) if each}:
            return [each for each in path if each and os.path.abspath(each) != here]
    return path


@contextlib.contextmanager
def terminated_as_interrupted(is_own: bool) -> Iterator[None]:
    """SIGTERM, or a terminal that is closed, ends a command like Ctrl-C: it saves first.

    Args:
        is_own: whether the process ends with the command, so that it may end in peace.
    """
    ignores_sighup = HANG_UP and signal.getsignal(HANG_UP) is signal.SIG_IGN  # started by nohup
    caught = SIGNALS[:1] if ignores_sighup else SIGNALS
    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in caught}

    def interrupt(*_: object) -> None:
        _ignore(caught)  # timeout(1) sends two signals: the second must not disturb the saving
        raise KeyboardInterrupt

    try:
        for each in caught:
            signal.signal(each, interrupt)
    except ValueError:  # not in the main thread, where signals cannot be caught
        yield
        return
    try:
        yield
    except KeyboardInterrupt:
        if is_own:
            _ignore((signal.SIGINT, *caught))
            before = {}
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _ignore(signals: tuple[signal.Signals, ...]) -> None:
    for each in signals:
        signal.signal(each, signal.SIG_IGN)
