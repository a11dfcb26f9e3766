"""What makes the documentation site: its reference, pictures and formulas, and its checks."""
