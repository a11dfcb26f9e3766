"""Many files forecast by one model, side by side, and on from where it was stopped."""
