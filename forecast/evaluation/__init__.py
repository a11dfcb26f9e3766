"""What forecasts are worth: metrics, opponents, verdicts, and the intervals that errors give."""
