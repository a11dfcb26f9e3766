"""The reference of commands, made from the parser of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from forecast.cli.arguments import EXIT_CODES, make_parser

HEAD = f"""\
# Commands

Every command with its options, made from the program itself. `forecast COMMAND --help` prints the
same. Results go to the standard output, the log to the standard error. Nothing is overwritten
without `--force`.

```text
{EXIT_CODES}
```
"""


def commands_page() -> str:
    """The page in Markdown."""
    return HEAD + "".join(
        _command(name, parser) for name, parser in sorted(_leaves(make_parser(), "forecast"))
    )


def _leaves(
    parser: argparse.ArgumentParser, name: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands below a parser, by full name."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from _leaves(inner, f"{name} {word}")


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    actions = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
    words = [_word(action) for action in actions]
    rows = "".join(f"| `{_flag(action)}` | {_help(action)} |\n" for action in actions)
    table = f"| option | |\n|---|---|\n{rows}" if rows else ""
    usage = " ".join([name, *(word for word in words if word)])
    return f"\n## {name}\n\n{parser.description or ''}\n\n```text\n{usage}\n```\n\n{table}"


def _metavar(action: argparse.Action) -> str:
    return str(action.metavar or action.dest)


def _flag(action: argparse.Action) -> str:
    if not action.option_strings:
        return _metavar(action)
    takes = "" if action.nargs == 0 else f" {_metavar(action)}"
    more = " ..." if action.nargs in ("+", "*") else ""
    return f"{action.option_strings[-1]}{takes}{more}"


def _word(action: argparse.Action) -> str:
    """Its place in the usage line; options other than positional ones stand in the table."""
    if action.option_strings:
        return ""
    return {"?": f"[{_metavar(action)}]", "*": f"[{_metavar(action)} ...]"}.get(
        str(action.nargs), _metavar(action)
    )


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%").replace("|", "\\|").replace("<", "&lt;")
