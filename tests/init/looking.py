"""A first look at a file by its path."""

from forecast.data.table import opened
from forecast.init import sniff


def read_any(path):
    """What `sniff.read_any` finds in a file."""
    with opened(str(path), "the path") as file:
        return sniff.read_any(file)
