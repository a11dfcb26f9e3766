"""Promise 13: no switch of a library and no file of the working folder changes a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from fuzz.material import ROOT, Material, random_of
from fuzz.writes import training, what_differs

SWITCHES = {
    "OMP_NUM_THREADS": ("0", "abc", "-1", "1,2", "99999999999999999999", ""),
    "OMP_DISPLAY_ENV": ("true", "verbose"),
    "OMP_PROC_BIND": ("nonsense",),
    "OMP_WAIT_POLICY": ("nonsense",),
    "GOMP_CPU_AFFINITY": ("x",),
    "MKL_VERBOSE": ("1",),
    "MKL_NUM_THREADS": ("abc", "0"),
    "ONEDNN_VERBOSE": ("1", "all"),
    "JAXTYPING_DISABLE": ("maybe", "1"),
    "TORCH_LOGS": ("help", "nonsense", "+dynamo"),
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": ("1",),
    "MPLBACKEND": ("nonsense", "TkAgg", "module://none"),
    "MPLCONFIGDIR": ("/dev/null/x", "/proc", "."),
    "MATPLOTLIBRC": (".", "/dev/null"),
    "HOME": ("/dev/null", "/nowhere", ""),
    "XDG_CACHE_HOME": ("/dev/null", "."),
    "PYTHONWARNINGS": ("error", "always"),
    "PYTHONIOENCODING": ("ascii", "cp1252", "latin-1"),
    "PYTHONUNBUFFERED": ("1",),
    "PYTHONOPTIMIZE": ("2",),
    "PANDAS_FUTURE_INFER_STRING": ("1",),
    "PANDAS_COPY_ON_WRITE": ("warn",),
    "SCIPY_ARRAY_API": ("1", "abc"),
    "NPY_DISABLE_CPU_FEATURES": ("nonsense",),
    "ARROW_DEFAULT_MEMORY_POOL": ("nonsense",),
    "LC_ALL": ("C", "tr_TR.UTF-8", "nonsense"),
    "TERM": ("dumb", "nonsense"),
    "COLUMNS": ("1", "abc"),
    "TZ": ("Pacific/Apia", "nonsense"),
}
FILES = {
    "matplotlibrc": b"text.usetex: True\nlines.linewidth: 9\nno.such.key: 1\n\xff",
    "numpy.py": b"raise SystemExit('foreign code ran')",
    "typing.py": b"raise SystemExit('foreign code ran')",
    "argparse.py": b"raise SystemExit('foreign code ran')",
    "matplotlib.py": b"raise SystemExit('foreign code ran')",
    "usercustomize.py": b"raise SystemExit('foreign code ran')",
    ".numba_config.yaml": b"disable_jit: 1\ncache_dir: .",
    "pyproject.toml": b"[tool.jaxtyping]\ndisable = true\n",
    "setup.cfg": b"[metadata]\nname = x\n",
}
MOST = 6
"""Variables and files of an attempt."""


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Train or forecast among foreign variables and files; the result must be the usual one."""
    random = random_of(130, number)
    names = random.choice(list(SWITCHES), int(random.integers(1, MOST)), replace=False)
    foreign = {str(n): str(random.choice(SWITCHES[str(n)])) for n in names}
    folder = scratch / f"foreign{number}"
    folder.mkdir()
    for name in random.choice(list(FILES), int(random.integers(1, MOST)), replace=False):
        (folder / str(name)).write_bytes(FILES[str(name)])
    run = folder / "run"
    words = training(run) if number % 2 else ["predict", str(material.run("co2")), "--quiet"]
    code, out, err = _started(words, folder, foreign)
    told = [line for line in err.splitlines() if not line.startswith("WARNING: OMP_NUM_THREADS")]
    fault = f"exit {code}: {err[-300:]}" if code or told else None
    if number % 2 and fault is None:
        fault = what_differs(run, material.run("air_passengers"))
    elif fault is None and out != _usual(material):
        fault = f"printed {out[:200]!r}"
    left = sorted({path.name for path in folder.iterdir()} - {"run", *FILES})
    shutil.rmtree(folder)
    return ((fault or (left and f"left {left}")) and f"{foreign}: {fault or left}") or None


@cache
def _usual(material: Material) -> bytes:
    code, out, err = _started(["predict", str(material.run("co2")), "--quiet"], material.folder, {})
    assert (code, err) == (0, ""), err
    return out


def _started(words: list[str], folder: Path, foreign: dict[str, str]) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a process in a folder."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "forecast", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **foreign},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")
