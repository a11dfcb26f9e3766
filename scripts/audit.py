"""Look for known faults of the pinned packages: `python scripts/audit.py`, as `make audit` does.

Exit codes: 0 no known fault, or no network; 1 a known fault, or pip-audit fails otherwise; 2 no
package could be looked up, although there is a network.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

COMMAND: tuple[str, ...] = (
    "pip-audit",
    "--requirement",
    "constraints.txt",
    "--no-deps",
    "--disable-pip",
)
COMMAND += ("--progress-spinner", "off", "--format", "json")
UNREACHABLE = re.compile(
    r"requests\.exceptions\.(Connection|Proxy|ConnectTimeout|ReadTimeout)|Could not connect"
)


def verdict(report: str, log: str, code: int) -> tuple[str, int]:
    """What to print, and the exit code.

    Args:
        report, log, code: of pip-audit; the report is JSON, or empty where it failed.
    """
    if not report.strip():
        if UNREACHABLE.search(log):
            return "audit: 0 packages audited, pip-audit cannot reach the network", 0
        return log, code or 1
    packages = json.loads(report)["dependencies"]
    audited = [each for each in packages if "skip_reason" not in each]
    faults = [
        f"{each['name']} {each['version']}: {fault['id']}, mended in"
        f" {', '.join(fault['fix_versions']) or 'no version'}"
        for each in audited
        for fault in each["vulns"]
    ]
    counted = f"audit: {len(audited)} of {len(packages)} packages audited"
    if faults:
        return "\n".join([f"{counted}, {len(faults)} known faults", *faults]), 1
    if not audited:
        reason = packages[0]["skip_reason"] if packages else "constraints.txt pins none"
        return f"{counted}: nothing is known of them ({reason})", 2
    left_out = [each["name"] for each in packages if each not in audited]
    missing = f"; not known: {', '.join(left_out)}" if left_out else ""
    return f"{counted}, no known fault{missing}", 0


def main() -> int:
    """Run pip-audit beside this Python, and tell what came of it."""
    program = Path(sys.executable).with_name(COMMAND[0])
    done = subprocess.run(  # noqa: S603
        [program, *COMMAND[1:]], capture_output=True, text=True, check=False
    )
    text, code = verdict(done.stdout, done.stderr, done.returncode)
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
