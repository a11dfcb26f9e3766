"""Times: read without guessing, and as integers on an axis."""
