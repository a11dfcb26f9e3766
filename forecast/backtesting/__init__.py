"""Backtests: origins that roll on through the data, what is forecast from them, and the tables."""
