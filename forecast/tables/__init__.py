"""From a file to a table, and back: the one reader, and the one writer."""
