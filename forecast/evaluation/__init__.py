"""Metrics, baselines, verdicts and pictures."""
