"""The audit says how many packages it looked at, and passes for no more than that."""

import json

import pytest

from scripts.audit import verdict

GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1.6"]}]}
UNKNOWN = {"name": "torch", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "text", "code"),
    [
        ([GOOD], "audit: 1 of 1 packages audited, no known fault", 0),
        ([GOOD, UNKNOWN], "audit: 1 of 2 packages audited, no known fault; not known: torch", 0),
        (
            [GOOD, BAD],
            "audit: 2 of 2 packages audited, 1 known faults\njinja2 3.1.0: CVE-1, mended in 3.1.6",
            1,
        ),
        (
            [UNKNOWN],
            "audit: 0 of 1 packages audited: nothing is known of them (not found on PyPI)",
            2,
        ),
    ],
)
def test_it_counts_what_was_audited(packages, text, code):
    report = json.dumps({"dependencies": packages, "fixes": []})
    assert verdict(report, "No known vulnerabilities found", int(code == 1)) == (text, code)


def test_without_a_network_nothing_is_audited_and_said_to_be():
    log = "requests.exceptions.ConnectionError: ..."
    expected = ("audit: 0 packages audited, pip-audit cannot reach the network", 0)
    assert verdict("", log, 1) == expected


def test_whatever_else_fails_is_a_failure():
    assert verdict("", "usage: ...", 2) == ("usage: ...", 2)
    assert verdict("", "killed", 0) == ("killed", 1)
