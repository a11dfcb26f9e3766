"""The run folder: what is written where, whole or not at all, by one process at a time."""
