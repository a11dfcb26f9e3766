"""Losses, optimisers, schedules, the loop, the learning-rate range test, checkpoints."""
