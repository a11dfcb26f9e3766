"""The errors a user can cause; each carries the exit code of the command that meets it."""


class ForecastError(ValueError):
    """Anything a user can mend; the message is one line with place, value and remedy."""

    exit_code = 1


class ConfigError(ForecastError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class DataError(ForecastError):
    """A table, a checkpoint or another file does not hold what it should."""

    exit_code = 3


class DeviceError(ForecastError):
    """The device that was asked for is not there, or its memory is too small."""

    exit_code = 4


def shown(value: object) -> str:
    """A value for a message: on one line, and shortened."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    text = {"True": "true", "False": "false", "None": "null"}.get(text, text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """End of a message about a word that is not known.

    Args:
        word: what was written.
        known: all words that are known.

    Returns:
        The question whether the nearest known word was meant; where none is near, all of them.
    """
    import difflib

    if not known:
        return "there is none to choose from"
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
