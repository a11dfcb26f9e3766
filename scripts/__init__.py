"""Small programs around the package; none of it is installed."""
