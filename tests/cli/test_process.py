"""The process of the command line: closed and full streams, foreign settings, two signals."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from forecast.cli.main import main
from forecast.cli.process import _without_working_folder
from forecast.cli.streams import LenientStream, open_streams
from tests.cli.helpers import after_epoch, names_in

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTILE = {
    "OMP_NUM_THREADS": "abc",
    "OMP_DISPLAY_ENV": "true",
    "MKL_VERBOSE": "1",
    "ONEDNN_VERBOSE": "1",
    "JAXTYPING_DISABLE": "maybe",
    "TORCH_LOGS": "nonsense",
    "MPLBACKEND": "nonsense",
    "MPLCONFIGDIR": "/dev/null/x",
    "HOME": "",
    "XDG_CACHE_HOME": ".",
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUNBUFFERED": "1",
    "PANDAS_FUTURE_INFER_STRING": "1",
    "PYTHONPATH": ROOT,
}
SHADOWS = ("numpy", "yaml", "torch", "argparse", "typing", "pandas", "signal", "sitecustom")


def started(shell, **environment):
    """Exit code, stdout and stderr of a line of the shell; $F is the program."""
    done = subprocess.run(
        ["bash", "-c", shell],
        env={**os.environ, "OMP_NUM_THREADS": "1", "F": f"{sys.executable} -m forecast"}
        | {"PYTHONPATH": ROOT, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=250,
    )
    return done.returncode, done.stdout, done.stderr


class Broken(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed")]
)
def test_a_log_that_nobody_takes_ends_no_training(error, place, call, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Broken(error))
    assert call("train", "config.yaml", "--run", "run")[0] == 0
    assert "summary.json" in names_in(place / "run")


def test_a_stream_that_forgives_is_otherwise_the_stream():
    real = io.StringIO()
    stream = LenientStream(real)
    print("line", file=stream, flush=True)
    assert (stream.getvalue(), stream.isatty()) == ("line\n", False)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space left on device"), 4, "No space left on device; make room"),
        (OSError(9, "Bad file descriptor"), 4, "Bad file descriptor; give it a place to go to"),
        (BrokenPipeError(32, "Broken pipe"), 0, None),
    ],
    ids=["full", "closed", "gone"],
)
def test_a_table_that_stdout_does_not_take_is_one_line(error, code, said, run, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Broken(error))
    monkeypatch.setattr(sys, "stderr", stderr)
    assert main(["predict", str(run), "--quiet"]) == code
    expected = f"forecast: standard output: {said}\n" if said else ""
    assert stderr.getvalue() == expected


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(9, "Bad file descriptor"), 0), (OSError(28, "No space"), 4)]
)
def test_a_run_is_kept_whose_summary_stdout_does_not_take(error, code, place, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(error))
    assert main(["train", "config.yaml", "--run", "run", "--quiet"]) == code
    assert "summary.json" in names_in(place / "run")


def test_the_working_folder_is_no_place_for_modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    assert _without_working_folder(["", here, "/lib"], ":/lib") == ["/lib"]
    assert _without_working_folder([here, "/lib"], f"{here}:/lib") == [here, "/lib"]


# In processes of their own


def test_neither_the_environment_nor_the_folder_changes_a_run(place, run):
    for name in SHADOWS:
        (place / f"{name}.py").write_text("raise SystemExit('taken from the working folder')")
    (place / "matplotlibrc").write_bytes(b"text.usetex: True\nno.such.key: \xff\n")
    before = names_in(place)
    code, out, err = started("$F train config.yaml --run run --quiet", **HOSTILE)
    assert names_in(place) - before == {"run"}
    assert (code, err) == (0, "WARNING: OMP_NUM_THREADS is no number of threads: not followed\n")
    assert out.endswith("run: run\n")
    assert (place / "run" / "forecast.png").stat().st_size > 10_000
    assert (place / "run" / "forecast.csv").read_bytes() == (run / "forecast.csv").read_bytes()


def test_closed_and_full_streams(place, run):
    code, out, err = started(
        "$F config show config.yaml > /dev/full; echo $?; $F config show config.yaml >&-; echo $?;"
        "$F --help > /dev/full; echo $?; $F nothing 2>&-; echo $?;"
        f"$F predict {run} --horizon 5 2>&-"
    )
    full = "forecast: standard output: No space left on device; make room"
    closed = "forecast: standard output: Bad file descriptor; give it a place to go to"
    assert (code, err.splitlines()) == (0, [full, closed, full])
    lines = out.splitlines()
    assert lines[:4] == ["4", "4", "4", "2"]
    assert lines[4].startswith("month,target,forecast")
    assert [line.count(",") for line in lines[4:]] == [4] * 6, "no warning in the table"


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_no_training(place):
    """`make test` has a stream that breaks in this process, and a real pipe at a quick command."""
    code, out, err = started(
        "PYTHONUNBUFFERED=1 $F train config.yaml training.epochs=8 --run run 2>&1 | head -1;"
        "echo ${PIPESTATUS[0]}"
    )
    assert (code, out.splitlines()[-1], err) == (0, "0", "")
    assert "summary.json" in names_in(place / "run")


def test_configurations_are_utf_8_on_any_console(place):
    (place / "table.csv").write_text(
        (place / "table.csv").read_text().replace("sales", "売上"), encoding="utf-8"
    )
    code, out, err = started(
        "$F config show config.yaml data.target=売上", PYTHONIOENCODING="cp1252"
    )
    assert (code, err) == (0, "")
    assert "target: 売上" in out or "- 売上" in out


def test_text_for_people_is_written_as_the_console_can(place, monkeypatch):
    name, table = "売上", (place / "table.csv").read_text()
    (place / "table.csv").write_text(table.replace("sales", name), encoding="utf-8")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO()))
    open_streams()
    assert main(["check", "config.yaml", f"data.target={name}"]) == 0
    sys.stdout.flush()
    assert b"columns     ??" in raw.getvalue()


def test_a_second_sigterm_at_any_moment_disturbs_nothing(place):
    words = ["train", "config.yaml", "--run", "run", "training.epochs=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "forecast", *words, "training.early_stopping=null"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT},
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = place / "run" / "metrics.jsonl"
    while not metrics.exists():
        assert process.poll() is None
        time.sleep(0.01)
    with process:
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.005)
        err = process.stderr.read()
    assert process.returncode == 130
    assert err.endswith("\nforecast: interrupted; go on with: forecast train --resume run\n")
    assert "resume.safetensors" in names_in(place / "run")


def test_a_process_of_others_keeps_its_signals_after_an_interruption(place, call, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    after_epoch(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert call("train", "config.yaml", "--run", "run")[0] == 130
    assert signal.getsignal(signal.SIGTERM) is before


COLLECTING = """
import atexit, gc
from forecast.cli.process import long_lived, own_process
def tell():
    print(*gc.get_threshold(), gc.get_freeze_count() > 0)
atexit.register(tell)
tell()
own_process()
tell()
"""


def collecting(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return [line.rsplit(" ", 1) for line in done.stdout.decode().splitlines()]


def test_a_command_seldom_looks_for_garbage_and_not_through_all_modules_before_it_ends():
    usual, command, end = collecting(COLLECTING)
    assert int(command[0].split()[0]) > 100 * int(usual[0].split()[0])
    assert (usual[1], command[1], end[1]) == ("False", "False", "True")


def test_what_lives_long_looks_for_garbage_as_python_does_but_not_among_modules():
    usual, _, service, _ = collecting(f"{COLLECTING}long_lived()\ntell()\n")
    assert service == [usual[0], "True"]
