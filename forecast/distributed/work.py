"""What rank 0 gives to the other processes of a training, and what they do with it."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import Any

import torch

from forecast.config.tree import config_from
from forecast.data.digest import data_digest
from forecast.distributed.gloo import broadcast_bytes
from forecast.errors import DataError
from forecast.prepare import Prepared, new_session, on_all_rows, prepare
from forecast.runs.checkpoint import packed, unpacked
from forecast.tables.remote import is_named, name_address
from forecast.training.ranks import Ranks
from forecast.training.session import Session

log = logging.getLogger("forecast")


def as_work(prepared: Prepared) -> str:
    """A training as one line of text: its configuration, and what its table must hold."""
    config = prepared.config.model_dump(mode="json")
    named = is_named(prepared.config.data.path)
    content = {"config": config, "digest": data_digest(prepared.panel), "named": named}
    return json.dumps(content | {"epochs_again": prepared.epochs_again})


def prepared_by(work: str) -> Prepared:
    """The data of a training, made ready here as they are by rank 0.

    Args:
        work: as `as_work` gives it; `data.path` is found here, too.

    Raises:
        ForecastError: if the table is not there, or not the same.
    """
    content: dict[str, Any] = json.loads(work)
    config = config_from(content["config"])
    if content["named"]:  # on the command line of rank 0
        name_address(config.data.path)
    prepared = prepare(config)
    if data_digest(prepared.panel) != content["digest"]:
        path = prepared.config.data.path
        raise DataError(f"{path}: another process of the training reads other data there")
    again = tuple(content["epochs_again"])
    return on_all_rows(prepared, again) if again else prepared


def take_part(prepared: Prepared, ranks: Ranks, device: torch.device) -> None:
    """Train along with rank 0, to the end; nothing is written.

    Args:
        prepared: the data.
        ranks: this process among the others.
        device: where this process computes.
    """
    session = new_session(prepared, device, ranks=ranks)
    share_state(session, ranks)
    for _ in session.run():
        pass


def share_state(session: Session, ranks: Ranks) -> None:
    """Let all processes begin where rank 0 does, which may have gone on with a run."""
    if ranks.exchange is None:
        return
    data = b""
    if ranks.is_first and session.snapshot:
        tensors, record = session.snapshot
        data = packed("resume", tensors, asdict(record))
    data = broadcast_bytes(ranks, data)
    if data and not ranks.is_first:
        session.go_on(*unpacked(data, "what rank 0 has told", "resume"))


def log_shares(session: Session) -> None:
    """How many processes share a batch, and whether some of them have nothing to do."""
    learner, size = session.learner, session.ranks.size
    windows = learner.config.batch_size
    chunks = size if learner.device.type != "cpu" else -(-windows // learner.chunk)
    log.info("processes: %d; chunks of a batch: %d", size, chunks)
    if learner.has_batch_norm:
        log.warning("model.batch_norm looks at whole batches: more processes do not help")
    elif chunks < size:
        log.warning(
            "a batch of %d windows keeps %d processes busy; raise training.batch_size, or take"
            " fewer",
            *(windows, chunks),
        )
