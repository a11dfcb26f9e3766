"""Exit codes, errors and signals, and commands in processes of their own."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast.cli import commands
from forecast.cli import main as cli
from forecast.cli.main import main
from forecast.runs import files
from forecast.runs.lock import locked
from tests.cli.helpers import CONFIG, RUN_FILES, after_epoch, contents_of, names_in, raising

ROOT = Path(__file__).parents[2]


# Errors


def test_an_unexpected_error_is_one_line_and_code_1(place, refuse, monkeypatch):
    after_epoch(monkeypatch, raising(ZeroDivisionError("division\nby zero")))
    assert refuse(1, "train", "config.yaml", "--run", "run") == (
        "unexpected: ZeroDivisionError: division by zero (FORECAST_DEBUG=1 shows where)"
    )
    monkeypatch.setenv("FORECAST_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["train", "config.yaml", "--run", "other"])


@pytest.mark.parametrize("command", [["train"], ["lr-find"], ["check"], ["config", "show"]])
@pytest.mark.parametrize(
    ("encoding", "line", "message"),
    [
        ("utf-8", "seed: soon", "config.yaml:10: seed: 'soon' is not allowed: must be a whole"),
        ("utf-8-sig", "trainig: 3", "config.yaml:10: trainig: unknown key; did you mean"),
    ],
)
def test_a_bad_configuration_is_code_2(command, encoding, line, message, place, refuse):
    (place / "config.yaml").write_text(f"{CONFIG}{line}\n", encoding=encoding)
    assert refuse(2, *command, "config.yaml").startswith(message)
    assert names_in(place) == {"config.yaml", "table.csv"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "table.csv:1: the file is empty"),
        (
            "month,sales\n2020-01-01,1\n2020-02-01,oops\n",
            "table.csv:3: column 'sales' holds 'oops'",
        ),
        (
            "month,sales\n2020-01-01,1\n2020-01-01,2\n",
            "table.csv:3: column 'month': 2020-01-01 app",
        ),
        (
            "month,sales\n" + "".join(f"{y}-01-01,5\n" for y in range(1900, 2000)),
            "table.csv: column",
        ),
    ],
    ids=["read", "number", "time", "constant"],
)
def test_a_bad_table_is_code_3(text, line, place, refuse):
    (place / "table.csv").write_text(text)
    assert refuse(3, "train", "config.yaml", "--run", "run").startswith(line)
    assert names_in(place) == {"config.yaml", "table.csv"}


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
@pytest.mark.parametrize("command", ["train", "predict", "lr-find"])
def test_a_device_that_is_not_there_is_code_4(command, device, place, run, refuse):
    subject = run if command == "predict" else "config.yaml"
    message = refuse(4, command, subject, "--device", device)
    assert message.startswith(f"device '{device}' is not there; choose auto, cpu")
    assert names_in(place) <= {"config.yaml", "table.csv", "runs"}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3 TiB"),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_memory_that_runs_out_is_code_4_with_a_remedy(error, place, refuse, monkeypatch):
    after_epoch(monkeypatch, raising(error))
    assert refuse(4, "train", "config.yaml", "--run", "run") == (
        "out of memory; lower training.batch_size or model.hidden_size"
    )
    assert "resume.safetensors" in names_in(place / "run")


# Disks


def fill_the_disk(monkeypatch, after=0):
    """From some write on, the disk is full."""
    real, written = os.fsync, []

    def fsync(descriptor):
        written.append(descriptor)
        if len(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(place, refuse, monkeypatch):
    fill_the_disk(monkeypatch)
    message = refuse(4, "train", "config.yaml", "--run", "run")
    assert message == "run/environment.json: No space left on device; make room"
    assert not (place / "run").exists()


def test_a_disk_that_fills_up_at_the_end_loses_no_training(place, refuse, call, monkeypatch):
    with monkeypatch.context() as patch:
        fill_the_disk(patch, after=14)
        message = refuse(4, "train", "config.yaml", "--run", "run")
    assert re.fullmatch(
        r"run/[a-z_]+\.\w+: No space left on device; make room; go on with: forecast train"
        " --resume run",
        message,
    )
    left = names_in(place / "run")
    assert "resume.safetensors" in left
    assert "summary.json" not in left
    assert not [name for name in left if name.endswith(".tmp")]
    code, _, err = call("train", "--resume", "run")
    assert code == 0
    assert "epoch 1/3" not in err
    assert names_in(place / "run") == RUN_FILES


def test_a_full_disk_keeps_the_old_forecast(run, refuse, tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old")
    fill_the_disk(monkeypatch)
    message = refuse(4, "predict", run, "--output", path, "--force")
    assert message == f"{path}: No space left on device; make room"
    assert contents_of(tmp_path) == {path: b"old"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_as_output_is_written_to_and_stays_a_device(run, refuse):
    assert refuse(4, "predict", run, "--output", "/dev/full") == (
        "/dev/full: No space left on device; make room"
    )
    assert Path("/dev/full").is_char_device()
    assert main(["predict", str(run), "--output", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


# Signals


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_like_ctrl_c(place, refuse, monkeypatch, sent):
    after_epoch(monkeypatch, lambda: os.kill(os.getpid(), sent))
    message = refuse(130, "train", "config.yaml", "--run", "run")
    assert message == "interrupted; go on with: forecast train --resume run"
    assert len((place / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    assert "resume.safetensors" in names_in(place / "run")


def test_a_second_sigterm_does_not_disturb_the_saving(place, refuse, monkeypatch):
    """timeout(1), for one, sends two."""
    fsync, sent = os.fsync, []

    def terminated(descriptor):
        if any((place / "run").glob(".resume.*")):
            sent.append(os.kill(os.getpid(), signal.SIGTERM))
        fsync(descriptor)

    after_epoch(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(os, "fsync", terminated)
    refuse(130, "train", "config.yaml", "--run", "run")
    assert len(sent) == 1
    assert "resume.safetensors" in names_in(place / "run")


def test_nohup_is_respected(place, call, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    after_epoch(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGHUP))
    try:
        call("train", "config.yaml", "--run", "run", "training.epochs=2")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "summary.json" in names_in(place / "run")


def test_signals_mean_what_they_did_after_a_command(place, call):
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [*map(signal.getsignal, signals)]
    call("config", "show", "config.yaml")
    assert [*map(signal.getsignal, signals)] == before


def test_a_terminal_that_is_gone_changes_no_exit_code(place, monkeypatch):
    monkeypatch.setattr(sys.stderr, "write", raising(OSError(errno.EIO, os.strerror(errno.EIO))))
    assert main(["config", "show", "nothing.yaml"]) == 2


def test_ctrl_c_while_the_options_are_read_is_an_interruption(monkeypatch, capsys):
    monkeypatch.setattr(cli, "parse", raising(KeyboardInterrupt))
    assert main(["train"]) == 130
    assert capsys.readouterr().err == "forecast: interrupted\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EIO, "Input/output error", "resume.safetensors"), 4),
        (OSError(errno.ENOSPC, "No space left on device", "resume.safetensors"), 4),
        (OSError(errno.EFBIG, "File too large", "resume.safetensors"), 4),
    ],
    ids=["broken disk", "full disk", "limit of sizes"],
)
def test_a_disk_that_fails_during_an_interruption_is_told(error, code, monkeypatch):
    def train(_):
        try:
            raise KeyboardInterrupt
        finally:
            raise error

    monkeypatch.setattr(commands, "train", train)
    assert main(["train", "config.yaml"]) == code


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.ENOTDIR, 2, "give another path"),
        (errno.EISDIR, 2, "give another path"),
        (errno.ENAMETOOLONG, 2, "give another path"),
        (errno.EACCES, 4, "give a place that may be written to"),
        (errno.EROFS, 4, "give a place that may be written to"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_one_line(
    number, code, remedy, refuse, monkeypatch
):
    path = "a" * 200
    monkeypatch.setattr(commands, "train", raising(OSError(number, os.strerror(number), path)))
    line = refuse(code, "train", "config.yaml")
    assert line.endswith(f"a: {os.strerror(number)}; {remedy}")


def test_an_empty_value_is_no_value(refuse, call):
    code, _, told = call("predict", "run", "--output", "")
    assert (code, told.splitlines()[-1]) == (
        2,
        "forecast: error: --output is empty; give a value, or leave it out",
    )


# In processes of their own

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
FORECAST = (sys.executable, "-m", "forecast")


def start(*words):
    return subprocess.Popen(
        words,
        env={**ENVIRONMENT, "PYTHONHASHSEED": "random"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    try:
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert "Traceback" not in err
    return process.returncode, out, err


def test_ctrl_c_ends_training_soon_and_resume_ends_it_alike(place, call):
    words = ["training.early_stopping=null", "model.dropout=0.2", "training.epochs=100000"]
    process = start(*FORECAST, "train", "config.yaml", "--run", "part", *words)
    metrics = place / "part" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text().count("\n") >= 3):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "")
    assert err.endswith("\nforecast: interrupted; go on with: forecast train --resume part\n")
    assert "resume.safetensors" in names_in(place / "part")
    epochs = metrics.read_text().count("\n") + 4
    config = (place / "part" / "config.yaml").read_text()
    (place / "part" / "config.yaml").write_text(config.replace("100000", str(epochs)))
    code, out, err = call("train", "--resume", "part")
    assert code == 0
    call("train", "config.yaml", "--run", "whole", *words, f"training.epochs={epochs}")
    for name in ("config.yaml", "model.safetensors", "summary.json", "forecast.csv"):
        assert (place / "part" / name).read_bytes() == (place / "whole" / name).read_bytes()
    assert len(metrics.read_text().splitlines()) == epochs


def test_two_runs_in_one_folder_are_refused_and_readers_are_not(place, call, refuse):
    assert call("train", "config.yaml", "--run", "run", "--quiet")[0] == 0
    with locked(place / "run"):
        for words in (["config.yaml", "--run", "run", "--force"], ["config.yaml", "--run", "run"]):
            assert refuse(2, "train", *words) == (
                f"run: in use by process {os.getpid()}; wait for it, or give another folder"
            )
        (place / "run" / "summary.json").rename("summary.json")
        assert refuse(2, "train", "--resume", "run").startswith("run: in use by process")
        assert call("predict", "run")[0] == 0
    assert ".lock" not in names_in(place / "run")


@pytest.mark.parametrize(
    ("script", "command"),
    [("train.py", "train"), ("lr_find.py", "lr-find"), ("predict.py", "predict")],
)
def test_scripts_are_the_commands(script, command, call):
    code, out, _ = ended(start(sys.executable, str(ROOT / "scripts" / script), "--help"))
    assert code == 0
    assert out == call(command, "--help")[1]


def test_a_reader_that_stops_early_is_no_error():
    with start(*FORECAST, "config", "schema") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=250) == 0


def imported_by(*words):
    """The modules that a process has imported when a command has ended."""
    code = f"from forecast.cli.main import main; main({[*map(str, words)]})"
    shown = "; import sys; print(*sorted(sys.modules), file=sys.stderr)"
    _, _, err = ended(start(sys.executable, "-c", code + shown))
    return set(err.splitlines()[-1].split())


def test_predict_imports_nothing_it_does_not_need(run):
    modules = imported_by("predict", run)
    needless = {"sklearn", "scipy", "matplotlib", "coreforecast", "rich", "tensorboard", "jinja2"}
    assert not needless & modules
    assert not {"torch._dynamo", "torch._inductor", "torch.utils.tensorboard"} & modules
    above = {"experiment", "training.session", "evaluate", "prepare", "check", "cli.progress"}
    assert not {f"forecast.{name}" for name in above} & modules


@pytest.mark.parametrize("words", [("config", "show", "config.yaml"), ("config", "schema")])
def test_configurations_are_shown_without_torch_and_pandas(words, place):
    assert not {"torch", "pandas", "numpy"} & imported_by(*words)


def wall_time(*words):
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - began


@pytest.mark.slow
def test_help_answers_at_once():
    assert min(wall_time(*FORECAST, "--help") for _ in range(5)) < 0.15


@pytest.mark.slow
def test_predict_takes_little_more_than_its_imports(run):
    pairs = [
        (
            wall_time(*FORECAST, "predict", str(run)),
            wall_time(sys.executable, "-c", "import torch, pandas"),
        )
        for _ in range(5)
    ]
    predict, imports = np.median(pairs, axis=0)
    assert predict < 1.5 * imports
