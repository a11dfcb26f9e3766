r"""Load on `forecast serve`, by clients of its own on loopback: rate, waiting, memory, hostility.

python benchmarks/serving.py --seconds 30 --output
python benchmarks/serving.py --seconds 5 --clients 16 --hostile 100
python benchmarks/serving.py --seconds 180 --clients 4 --anew

The model is a network of its own (64 units, lookback 24, horizon 12, intervals), the requests are
JSON with 60 rows of history, each with numbers of its own, on connections that are kept. Hostile
requests come 50 at a time while 16 usual clients ask on: none of their answers may be lost. With
--anew the run is trained again and again instead, by `train --force`: no request may fail.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

RESULTS = "benchmarks/RESULTS.md"
ROWS, KINDS = 60, 50
PATIENCE = 40.0
"""Seconds after which an answer counts as lost."""
CONFIG = {
    "data": {"path": "data", "frequency": "D"},
    "transforms": ["standardize"],
    "window": {"lookback": 24, "horizon": 12},
    "split": {"validation": 60, "test": 60},
    "model": {"hidden_size": 64},
    "training": {"epochs": 2, "learning_rate": 0.003},
}


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each load")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--hostile", type=int, default=1000, help="hostile requests; 0: none")
    parser.add_argument("--anew", action="store_true", help="train the run anew meanwhile")
    parser.add_argument("--remark", default="", help="of the machine, for the table")
    parser.add_argument("--output", nargs="?", const=RESULTS, help=f"append to {RESULTS} or a file")
    return parser.parse_args()


def wave() -> pd.DataFrame:
    """A daily wave."""
    rows = np.arange(600)
    noise = np.random.default_rng(0).normal(0, 1, len(rows))
    values = 100 + 10 * np.sin(rows * 2 * np.pi / 7) + noise
    return pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=len(rows)), "y": values})


def trained(folder: Path) -> Path:
    """A model of a daily wave, in a file."""
    import forecast

    path = folder / "wave.safetensors"
    forecast.train(CONFIG, wave(), quiet=True).save(path)
    return path


async def train_anew(folder: Path, seed: int) -> None:
    """Train the run of a folder in a process of its own; another seed makes another model."""
    if not seed:
        wave().to_csv(folder / "wave.csv", index=False)
        config = {**CONFIG, "data": {**CONFIG["data"], "path": "wave.csv"}}
        (folder / "wave.yaml").write_text(json.dumps(config))
    words = ["train", "wave.yaml", f"seed={seed}", "--run", "run", "--force"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "forecast", *words),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if await process.wait():
        raise RuntimeError(f"forecast {' '.join(words)} failed")


@contextlib.contextmanager
def served(path: Path):
    """A process that serves a model: its id, its port and that of its health."""
    command = [sys.executable, "-m", "forecast", "serve", str(path), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--health-port", "0"], stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        lines = iter(process.stderr.readline, "")
        line = next(line for line in lines if " on http://" in line)
        yield process.pid, *map(int, re.findall(r":(\d+)", line)[-2:])
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = process.wait(timeout=15)
        print(f"ended with {code} after {time.monotonic() - began:.1f} s", file=sys.stderr)


def post(body: bytes, *headers: str) -> bytes:
    """A request as it stands on the wire."""
    head = ["POST /v1/forecast HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
    if not any(each.startswith("content-type") for each in headers):
        head.append("content-type: application/json")
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


def usual(number: int) -> bytes:
    """The request of a usual client."""
    values = np.random.default_rng(number).normal(100, 10, ROWS).round(3).tolist()
    times = [*pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")]
    return post(json.dumps({"history": {"ds": times, "y": values}}).encode())


async def answer_of(reader: asyncio.StreamReader) -> int:
    """The status of one answer, which is read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head).group(1))
    await reader.readexactly(length)
    return int(head[9:12])


async def client(port: int, number: int, until: float, seconds: list, found: Counter) -> None:
    """Ask until the time is over; what is no answer is counted as lost."""
    request = usual(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.monotonic()) < until:
        writer.write(request)
        try:
            status = await asyncio.wait_for(answer_of(reader), PATIENCE)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            found["lost"] += 1
            return
        found[status] += 1
        seconds.append(time.monotonic() - began)
    writer.close()


def hostile(number: int) -> tuple[bytes, bool]:
    """A hostile request, and whether its sender goes away without waiting."""
    draw = random.Random(number)
    rows = {"ds": ["2024-01-01"] * 30, "y": [1.0] * 30}
    text = {"ds": [f"2024-01-{day:02}" for day in range(1, 31)], "y": ["x"] * 30}
    negative = {**text, "y": [-1e30] * 30}
    kinds = [
        post(b"{"),
        post(b"[" * 100_000),
        post(json.dumps({"history": rows}).encode()),
        post(json.dumps({"history": text}).encode()),
        post(json.dumps({"history": negative}).encode()),
        post(json.dumps({"horizon": 10**9}).encode()),
        post(json.dumps({"model": "../../etc/passwd"}).encode()),
        post(json.dumps({"history": {"a" * 1000: [1] * 50_000}}).encode()),
        post(b"ds,y\n" + b"2024-01-01,1\n" * 150_000, "content-type: text/csv"),
        post(b"\x1f\x8b" + draw.randbytes(1000), "content-type: text/csv"),
        post(b"", "accept: image/png"),
        b"POST /v1/forecast HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        draw.randbytes(300) + b"\r\n\r\n",
        b"DELETE /v1/forecast HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ]
    whole = kinds[number % len(kinds)]
    is_cut = number % 5 == 4
    return (whole[: draw.randrange(1, len(whole))] if is_cut else whole), is_cut


async def attack(port: int, number: int, found: Counter) -> None:
    """Send a hostile request, and see that it is refused or that the connection is closed."""
    request, goes_away = hostile(number)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        if goes_away:
            found["sender went away"] += 1
        else:
            status = await asyncio.wait_for(answer_of(reader), PATIENCE)
            found[status] += 1
        writer.transport.abort()
    except (asyncio.IncompleteReadError, OSError):
        found["connection closed"] += 1
    except TimeoutError:
        found["lost"] += 1


def memory(pid: int, field: str = "VmRSS") -> float:
    """Megabytes that a process holds, now or at most (VmHWM)."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) / 1024


def cpu_seconds(pid: int) -> float:
    """Seconds of a core that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, pid: int, clients: int, seconds: float) -> str:
    """A row of the table: some clients for some seconds."""
    times, found = list[float](), Counter()
    until, before = time.monotonic() + seconds, cpu_seconds(pid)
    await asyncio.gather(*(client(port, n, until, times, found) for n in range(clients)))
    half, most = (1000 * np.quantile(times, share) for share in (0.5, 0.99))
    work = 1000 * (cpu_seconds(pid) - before) / max(1, len(times))
    others = {status: count for status, count in found.items() if status != 200}
    return (
        f"| {clients} | {found[200] / seconds:.0f} | {half:.1f} | {most:.1f} | {work:.2f} |"
        f" {memory(pid):.0f} | {others or 'none'} |"
    )


async def siege(port: int, health: int, pid: int, number: int) -> str:
    """A paragraph: hostile requests beside usual ones."""
    times, found, refused, alive = list[float](), Counter(), Counter(), Counter()
    is_over = asyncio.Event()
    gate = asyncio.Semaphore(KINDS)

    async def one(n: int) -> None:
        async with gate:
            await attack(port, n, refused)

    async def usual_one(n: int) -> None:
        while not is_over.is_set():
            await client(port, n, time.monotonic() + 0.5, times, found)

    async def ask_health() -> None:
        while not is_over.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", health)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            began = time.monotonic()
            alive[await answer_of(reader)] += 1
            alive["slowest, ms"] = max(
                alive["slowest, ms"], round(1000 * (time.monotonic() - began))
            )
            writer.close()
            await asyncio.sleep(0.2)

    beside = [asyncio.create_task(usual_one(n)) for n in range(16)]
    beside.append(asyncio.create_task(ask_health()))
    began = time.monotonic()
    await asyncio.gather(*(one(n) for n in range(number)))
    took = time.monotonic() - began
    is_over.set()
    await asyncio.gather(*beside)
    ways = ", ".join(f"{key}: {count}" for key, count in sorted(refused.items(), key=str))
    others = {status: count for status, count in found.items() if status != 200}
    return (
        f"{number} hostile requests in {took:.1f} s, 50 at a time: {ways}. Beside them 16 usual"
        f" clients got {found[200]} answers, p99 {1000 * np.quantile(times, 0.99):.0f} ms, lost or"
        f" refused: {others or 'none'}; health: {dict(alive)}; memory {memory(pid):.0f} MB, at most"
        f" {memory(pid, 'VmHWM'):.0f}."
    )


async def exchanged(folder: Path, ports: list[int], clients: int, seconds: float) -> str:
    """A paragraph: some clients ask for some seconds while the run is trained again and again."""
    times, found, trainings = list[float](), Counter(), 0
    until = time.monotonic() + seconds
    asking = asyncio.gather(*(client(ports[0], n, until, times, found) for n in range(clients)))
    while time.monotonic() < until:
        trainings += 1
        await train_anew(folder, trainings)
    await asking
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[1])
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    told = (await reader.read()).decode()
    swaps, refusals = (
        re.search(rf"^forecast_models_{name} (\d+)", told, re.MULTILINE).group(1)
        for name in ("swapped", "refused")
    )
    others = {status: count for status, count in found.items() if status != 200}
    return (
        f"{clients} clients for {seconds:g} s, the run trained anew {trainings} times: {found[200]}"
        f" answers, p99 {1000 * np.quantile(times, 0.99):.0f} ms, slowest"
        f" {1000 * max(times):.0f} ms; {swaps} models exchanged, {refusals} refused as damaged;"
        f" lost or refused requests: {others or 'none'}."
    )


def main() -> None:
    """Serve a model, load it, and print or append what came of it."""
    options = parsed()
    if options.anew:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            asyncio.run(train_anew(folder, 0))
            with served(folder / "run") as (_, *ports):
                for clients in options.clients:
                    print(asyncio.run(exchanged(folder, ports, clients, options.seconds)))
        return
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    lines = [
        f"### Serving, {datetime.now(UTC):%Y-%m-%d}",
        "",
        f"`python benchmarks/serving.py --seconds {options.seconds:g}`, {machine}, server and"
        f" clients on them together{options.remark and f'; {options.remark}'}.",
        "",
        "| clients | requests/s | p50, ms | p99, ms | CPU a request, ms | RSS, MB | not 200 |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder, served(trained(Path(folder))) as (pid, *ports):
        port, health = ports
        asyncio.run(load(port, pid, 4, 1.0))  # the first forecast imports and allocates
        for clients in options.clients:
            lines.append(asyncio.run(load(port, pid, clients, options.seconds)))
            print(lines[-1], file=sys.stderr)
        if options.hostile:
            lines += ["", asyncio.run(siege(port, health, pid, options.hostile))]
    text = "\n".join(lines)
    print(text)
    if options.output:
        with open(options.output, "a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")


if __name__ == "__main__":
    main()
