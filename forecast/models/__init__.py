"""Stacked recurrent networks: normalise a window, cut it into segments, run the stack, and a head.

Axes of this room, beside those of the whole project: T steps that a stack reads (segments of the
lookback), M segments of the horizon, I and O widths of a stack's input and output, P, F and D
columns of past, future-known and static covariates after their embedding.
"""
