"""Stacked recurrent networks: cells, normalisation, heads."""
