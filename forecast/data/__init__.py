"""From a table to windows: panel, transforms, split, windows."""
