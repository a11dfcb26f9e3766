"""The journal of a study: one JSON line for each thing that happened, in one file, never undone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from forecast.errors import DataError
from forecast.runs.system import NO_FOLLOW


class Journal(BaseJournalBackend):
    """What optuna's journal storage writes to and reads from.

    Not optuna's own file: a line in which its writer was killed is cut off, and there is no lock
    that outlives its owner, for a study has one writer, which holds the lock of its folder. Nothing
    is unpickled, as optuna does with what it keeps in Redis.
    """

    def __init__(self, path: Path) -> None:
        """Open a journal, and make it if it is not there.

        Args:
            path: of the file; a link is not followed.

        Raises:
            DataError: for a line that is not as it was written.
            OSError: if it cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_FOLLOW
        self.path, self.file = path, os.fdopen(os.open(path, flags, 0o666), "rb+", buffering=0)
        try:
            self.entries = self._whole_lines()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """All entries from one on."""
        return self.entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, forced to disk; those that do not fit on it are taken back."""
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        before, left = self.size, b"".join(lines)
        try:
            while left:
                left = left[os.write(self.file.fileno(), left) :]
            os.fsync(self.file.fileno())
        except OSError as error:
            self.file.truncate(before)
            error.filename = str(self.path)
            raise
        self.entries += map(json.loads, lines)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self.file.fileno()).st_size

    def _whole_lines(self) -> list[dict[str, Any]]:
        """What the file holds; a last line without an end is cut off."""
        *lines, torn = self.file.readall().split(b"\n")
        if torn:
            self.file.truncate(self.size - len(torn))
        entries = []
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                entry = None
            if not isinstance(entry, dict):
                raise damaged(f"{self.path}:{number}")
            entries.append(entry)
        return entries


def damaged(place: str) -> DataError:
    """That a journal is not as it was written."""
    return DataError(
        f"{place}: the journal of the study is damaged; put it back, or give another --output"
    )
