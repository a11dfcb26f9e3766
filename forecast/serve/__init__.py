"""`forecast serve`: trained models behind HTTP, bounded in every direction."""
