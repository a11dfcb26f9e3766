"""Download the larger public benchmark sets and verify each against its SHA-256 checksum.

Usage: python scripts/fetch_data.py [NAME ...] [--to DIR] [--base-url URL]

Without a name every set is fetched. A file appears whole and verified, or not at all; one that is
already there with the right checksum is left alone. Exit codes: 0 all there, 2 wrong usage,
3 a file could not be fetched or verified.

No checksum stated by a publisher is known. Those of ETTh1, ETTm1 and M4 were computed from the
files; that of ETTh2 was not: it is the one that several public projects record, most of them
beside the same ETTh1 checksum as here. ETT is licensed CC BY-ND 4.0 by its authors; M4 is
published by the organisers of the competition. Neither falls under this project's licence.
"""

import argparse
import hashlib
import os
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

BASE_URL = "https://raw.githubusercontent.com"
DOWNLOADS = Path(__file__).resolve().parents[1] / "data" / "external"
CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30.0
RETRY_WAITS_SECONDS = (0.5, 1.0, 2.0)
NETWORK_ERRORS = (URLError, HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


@dataclass(frozen=True)
class Dataset:
    """One file to fetch: its name without `.csv`, its path below the base URL, its checksum."""

    name: str
    url_path: str
    sha256: str


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "ETTh1",
            "zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
            "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        ),
        Dataset(
            "ETTh2",
            "zhouhaoyi/ETDataset/main/ETT-small/ETTh2.csv",
            "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
        ),
        Dataset(
            "ETTm1",
            "zhouhaoyi/ETDataset/main/ETT-small/ETTm1.csv",
            "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
        ),
        Dataset(
            "M4-Hourly-train",
            "Mcompetitions/M4-methods/master/Dataset/Train/Hourly-train.csv",
            "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
        ),
        Dataset(
            "M4-Hourly-test",
            "Mcompetitions/M4-methods/master/Dataset/Test/Hourly-test.csv",
            "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
        ),
    )
}


class FetchError(Exception):
    """A file could not be fetched or verified; the message says which and why."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_body(url: str, file: BinaryIO) -> str:
    """Stream the body at `url` into `file` and return its SHA-256."""
    digest = hashlib.sha256()
    with urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - http_url checked it
        declared: int | None = response.length
        while chunk := response.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    # A sized read ends silently when the connection is cut.
    if declared is not None and file.tell() < declared:
        raise ConnectionError(f"the connection broke after {file.tell()} of {declared} bytes")
    return digest.hexdigest()


def download(url: str, target: Path, sha256: str) -> None:
    """Put the file at `url` at `target`, whole and verified, or leave `target` as it was."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            received = copy_body(url, file)
        if received != sha256:
            raise FetchError(
                f"{target.name}: wrong checksum from {url}, nothing kept: "
                f"expected SHA-256 {sha256}, got {received}"
            )
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def is_transient(error: Exception) -> bool:
    """Tell whether the same request may succeed a moment later."""
    if isinstance(error, HTTPError):
        return error.code in (408, 429) or error.code >= 500
    return isinstance(error, NETWORK_ERRORS)


def download_with_retries(url: str, target: Path, sha256: str) -> None:
    """Download, waiting a little and trying again after a transient failure."""
    for wait in (*RETRY_WAITS_SECONDS, None):
        try:
            download(url, target, sha256)
            return
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()
            if wait is None or not is_transient(error):
                raise FetchError(f"{target.name}: could not fetch {url}: {error}") from error
            time.sleep(wait)


def fetch(dataset: Dataset, folder: Path, base_url: str) -> str:
    """Make sure that `folder` holds the dataset and return a line that says what was done."""
    target = folder / f"{dataset.name}.csv"
    if target.is_file() and file_sha256(target) == dataset.sha256:
        return f"{target}: already here"
    download_with_retries(f"{base_url}/{dataset.url_path}", target, dataset.sha256)
    return f"{target}: downloaded"


def dataset_named(name: str) -> Dataset:
    """Look a dataset up for the command line."""
    if name not in DATASETS:
        raise argparse.ArgumentTypeError(f"no set {name!r}; choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def http_url(text: str) -> str:
    """Accept an http or https address without its trailing slash; urlopen would also take files."""
    if urlsplit(text).scheme not in ("http", "https"):
        raise argparse.ArgumentTypeError(f"{text!r} does not start with http:// or https://")
    return text.rstrip("/")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "datasets",
        nargs="*",
        type=dataset_named,
        default=list(DATASETS.values()),
        metavar="NAME",
        help=f"any of {', '.join(DATASETS)} (default: all)",
    )
    parser.add_argument(
        "--to", type=Path, default=DOWNLOADS, metavar="DIR", help="default: data/external"
    )
    parser.add_argument(
        "--base-url", type=http_url, default=BASE_URL, metavar="URL", help=f"default: {BASE_URL}"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the chosen datasets; return the exit code."""
    options = parse(arguments)
    try:
        options.to.mkdir(parents=True, exist_ok=True)
        for dataset in options.datasets:
            print(fetch(dataset, options.to, options.base_url))
    except (FetchError, OSError) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
