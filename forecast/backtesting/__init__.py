"""Backtests: origins that roll on through the data: plan, run, tables and files."""
