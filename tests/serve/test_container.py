"""The files of the container: no root, nothing written but to memory, no secret within."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"][
    "forecast"
]


def test_the_process_is_not_root_and_has_no_capabilities():
    last_stage = DOCKER.split("FROM ")[-1]
    assert re.search(r"^USER [1-9]\d*$", last_stage, re.MULTILINE)
    assert COMPOSE["cap_drop"] == ["ALL"]
    assert COMPOSE["security_opt"] == ["no-new-privileges:true"]


def test_the_root_file_system_is_read_only_and_the_runs_too():
    assert COMPOSE["read_only"] is True
    assert all(volume.endswith(":ro") for volume in COMPOSE["volumes"])
    assert COMPOSE["tmpfs"][0].startswith("/tmp:")


def test_it_is_open_to_this_machine_alone_and_asks_for_a_token():
    assert COMPOSE["ports"] == ["127.0.0.1:8000:8000"]
    assert "--token-file" in COMPOSE["command"]
    assert "token" in (ROOT / ".dockerignore").read_text().split()


def test_it_is_given_longer_to_end_than_it_takes():
    assert int(COMPOSE["stop_grace_period"].removesuffix("s")) > 10
