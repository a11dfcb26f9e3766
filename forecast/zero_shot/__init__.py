"""`forecast quick`: forecasts without a training, judged on the user's own rows.

A model that has seen no row of a table may be judged on all of them. `methods` says what forecasts,
`folds` at which origins it is judged, `calibration` how wide its intervals must be, `quick` puts
them together, `result` is what comes of it.
"""
