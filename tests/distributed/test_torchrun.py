"""A training under torchrun, of which a process is killed: it goes on, to the bytes of one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
TORCHRUN += ["--max-restarts", "1", "-m", "--", "forecast"]
CONFIG = """\
data: {path: table.csv}
split: {validation: 60, test: 60}
window: {lookback: 14, horizon: 7}
model: {hidden_size: 256, dropout: 0.1}
training: {epochs: 12, batch_size: 64, early_stopping: null}
intervals: {levels: []}
device: cpu
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are found in /proc")
def test_a_worker_that_is_killed_is_started_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2016-01-01", periods=400)
    wave = 100 + 20 * np.sin(np.arange(400) * 2 * np.pi / 7)
    pd.DataFrame({"ds": days, "y": wave}).to_csv("table.csv", index=False)
    Path("config.yaml").write_text(CONFIG)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with open("said.txt", "wb") as said:
        started = subprocess.Popen(
            [*TORCHRUN, "train", "config.yaml", "--run", "two"], env=environment, stderr=said
        )
        kill_after_an_epoch(started, Path("two/metrics.jsonl"))
        assert started.wait() == 0, Path("said.txt").read_text()
    assert "exitcode: -9" in Path("said.txt").read_text()
    assert main(["train", "config.yaml", "--run", "one", "--quiet"]) == 0
    one, two = (Path(name, "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def kill_after_an_epoch(started, metrics):
    while not (metrics.exists() and metrics.read_text()):
        assert started.poll() is None, "it has ended before"
        time.sleep(0.2)
    (victim,) = [pid for pid in children(started.pid) if is_rank_1(pid)]
    os.kill(victim, signal.SIGKILL)


def children(parent):
    return [
        int(pid)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]


def is_rank_1(pid):
    return b"\0RANK=1\0" in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
