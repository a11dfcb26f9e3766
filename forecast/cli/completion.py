"""`forecast completion`: a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from forecast.cli.arguments import make_parser
from forecast.cli.options import CompletionOptions
from forecast.cli.streams import write_stdout

FILES = ("CONFIG", "CONFIG|RUN", "FILE", "YAML")
FOLDERS = ("DIR", "RUN")
"""How arguments are called that are completed by the names of files and folders."""


def completion(options: CompletionOptions) -> int:
    """Print the script, made of the same options that the commands take."""
    import shtab

    parser = make_parser()
    for action in _actions(parser):
        if action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    write_stdout(shtab.complete(parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a parser and of the commands below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
