"""What the commands share: results on stdout, and refusals of files that must not be written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.streams import echo
from forecast.errors import ConfigError, as_path, printable_lines
from forecast.runs.files import is_stream, json_text, write_atomically
from forecast.runs.foreign import refuse_input

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PICTURE = ".png"


def print_result(as_json: bool, result: Mapping[str, Any], text: str) -> None:
    """Print the result of a command, as JSON for a program or as text for people."""
    text = json_text(result) if as_json else printable_lines(text)
    echo(f"{text}\n")


def require_folder(option: str, path: str) -> None:
    """Raise a ConfigError if the folder of a file, given with an option, is not there.

    Nor may the file be a link, but to a stream: what it leads to may be anybody's.
    """
    if path == "-":
        raise ConfigError(f"{option} -: cannot go to stdout; give the name of a file")
    folder = os.path.dirname(as_path(path)) or "."
    if os.path.islink(path) and not is_stream(Path(path)):
        raise ConfigError(f"{option} {path}: is a link; give the file that it leads to")
    if not os.path.isdir(folder):
        raise ConfigError(f"{option} {path}: there is no folder {folder}; make it first")


def refuse_replacing(option: str, path: str, inputs: Mapping[str, str | None], force: bool) -> None:
    """Raise a ConfigError if a file would take the place of one that is read, or without --force
    of any.

    Args:
        option: that gives the file.
        path: to be written; a pipe or a device is written to.
        inputs: what it is -> what is read; None: nothing.
        force: whether files are replaced.
    """
    require_folder(option, path)
    for what, read in inputs.items():
        refuse_input(path, read, what, f"give another {option}")
    if os.path.isfile(path) and not force:
        raise ConfigError(f"{path} exists; give another {option}, or --force")


def require_outputs(options: Any, inputs: Mapping[str, str | None]) -> None:
    """Raise a ConfigError unless a table may be written to --output, and a picture to --plot.

    Args:
        options: of the command.
        inputs: as for `refuse_replacing`.
    """
    from forecast.tables.write import require_format  # pandas is slow

    for option, path in (("--output", options.output), ("--plot", options.plot)):
        if path is not None and (option, path) != ("--output", "-"):
            refuse_replacing(option, path, inputs, options.force)
    if options.output != "-":
        require_format(options.output)
        if options.output == options.plot:
            raise ConfigError(f"--plot {options.plot} is the file of --output; give another file")
    path = None if options.plot is None else Path(options.plot)
    if path and path.suffix.lower() != PICTURE and not is_stream(path):
        raise ConfigError(f"--plot {path}: pictures are PNG; give a name that ends in {PICTURE}")


def refuse_beside_samples(options: Any) -> None:
    """Raise a ConfigError for what does not go with --samples, or not without it."""
    if options.samples is None:
        if options.seed is not None:
            raise ConfigError("--seed is for sample paths; give their number with --samples")
        return
    if options.plot is not None:
        raise ConfigError("--plot draws one forecast and its intervals, without --samples")
    if options.level is not None:
        raise ConfigError("--level is for intervals, --samples takes their place; give one of both")


def write_result(table: pd.DataFrame, options: Any, facts: Mapping[str, Any]) -> None:
    """Write a table to the file of --output, and say so.

    Args:
        table: what the command gives.
        options: of the command.
        facts: what JSON says beside it.
    """
    from forecast.tables.write import write_table  # pandas is slow

    write_table(table, Path(options.output), is_new=not options.force)
    result = {"output": options.output, "rows": len(table), **facts}
    print_result(options.json, result, f"{len(table)} rows in {options.output}")


def write_picture(figure: Figure, path: str, force: bool) -> None:
    """Write a picture, whole or not at all.

    Args:
        figure: to be drawn.
        path: of the PNG.
        force: whether it may take the place of another file.
    """
    from forecast.drawing.plots import png

    write_atomically(Path(path), png(figure), is_new=not force)
