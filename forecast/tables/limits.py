"""How large a table may be: more is refused before it fills the memory (see SECURITY.md)."""

MOST_ROWS = 10**8
"""Rows of a table; lines of a CSV."""
MOST_CELLS = 2**29
"""Of a Parquet file whose columns are looked at because nobody has named them."""
LONGEST_ROW = 2**24
"""Bytes of a row of a CSV, its header among them."""
MOST_UNPACKED = 2**31
"""Bytes of a compressed CSV when it is unpacked."""
MOST_FILES = 10**5
"""Of a table that is a folder."""
MOST_FETCHED = 2**35
"""Bytes of a file that is copied from an address."""
