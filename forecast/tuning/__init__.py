"""Hyper-parameter search: a trial, the study that chooses the next, and who carries them out."""
