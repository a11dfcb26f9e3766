"""Attacks on the promises of SECURITY.md: `python -m fuzz` runs them all, the tests a share."""
