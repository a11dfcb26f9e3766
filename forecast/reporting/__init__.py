"""One page about a run: gathered, put into sections, drawn and rendered."""
