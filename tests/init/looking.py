"""A first look at a file by its path."""

from forecast.init import sniff
from forecast.tables.table import opened


def read_any(path):
    """What `sniff.read_any` finds in a file."""
    with opened(str(path), "the path") as file:
        return sniff.read_any(file)
