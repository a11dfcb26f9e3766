"""From a table to windows: rows in order, panel, split, transforms, windows."""
