"""The errors a user can cause, each with its exit code, and how values stand in messages.

Names of files, columns and series are written by others: they may hold line ends, commands of a
terminal, marks that turn the direction of text, or a megabyte. `printable`, `named`, `shown` and
`one_line` are how they reach a message, a log or a picture.
"""

import re
from collections.abc import Iterable
from pathlib import Path

MOST_SHOWN = 60
"""Characters of a name or a value in a message."""
MOST_IN_LINE = 1000
"""Characters of a message."""
MOST_NAMES, FEW_NAMES = 40, 5
"""Names that are listed in a message, and in a warning, which others follow."""
SECRET = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""Name and password within an address."""


class ForecastError(ValueError):
    """Anything a user can mend; the message is one line with place, value and remedy."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class ConfigError(ForecastError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class DataError(ForecastError):
    """A table, a checkpoint or another file does not hold what it should."""

    exit_code = 3


class DeviceError(ForecastError):
    """The device that was asked for is not there, or its memory is too small."""

    exit_code = 4


class ProcessLostError(DeviceError):
    """A process of a training has ended or does not answer; what was saved can go on."""


def extra_missing(what: str, package: str, extra: str) -> ConfigError:
    """The error where an optional package is not installed.

    Args:
        what: that was asked for, e.g. "--tensorboard".
        package: that it needs.
        extra: of this project which brings the package.
    """
    return ConfigError(f"{what} needs {package}: pip install 'forecast-lstm[{extra}]'")


def printable(text: str) -> str:
    """A text of visible characters: line ends, terminal commands and turned text are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """A text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(message: str) -> str:
    """A message on one line, printable, without passwords, cut in the middle if it is too long."""
    return _cut(printable(without_secrets(message)), MOST_IN_LINE)


def without_secrets(text: str) -> str:
    """A text without the names and passwords of its addresses: it may be kept, or sent on."""
    return SECRET.sub("***", text)


def named(name: object) -> str:
    """The name of a series, a column or a file for a message, without quotes."""
    return _cut(printable(str(name)), MOST_SHOWN)


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """Some names for a message, and how many more there are."""
    names = [*names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(named, names[:most]))}{more}"


def shown(value: object) -> str:
    """A value for a message: on one line, and shortened."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    text = {"True": "true", "False": "false", "None": "null"}.get(text, text)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def _cut(text: str, most: int) -> str:
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def as_path(path: str | Path) -> Path:
    """A path; ConfigError for one that no system can have, and for what is none."""
    if not isinstance(path, str | Path):
        raise ConfigError(f"{shown(path)} is no path; give a text or a Path")
    if "\0" in str(path):
        raise ConfigError(f"{shown(str(path))} is no path: a NUL stands in it")
    return Path(path)


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """End of a message about a word that is not known.

    Args:
        word: what was written.
        known: all words that are known.

    Returns:
        The question whether the nearest known word was meant; where none is near, what is known.
    """
    import difflib

    if not known:
        return "there is none to choose from"
    short = [name for name in known if len(name) <= MOST_SHOWN]  # a long one takes minutes
    near = difflib.get_close_matches(word[:MOST_SHOWN], short, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {listed(known)}"
