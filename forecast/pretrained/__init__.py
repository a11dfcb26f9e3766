"""A network that has seen synthetic series alone, and forecasts any series at once.

The parts, in the order in which a student reads them: `synthetic` (series to learn from), `season`
(a history and what it is without its season), `smoothing` and `methods` (what classical methods say
of it), `features` (all that the network is told), `network` (mixes what they say), `forecaster`
(from histories in the user's units to quantiles), and the weights beside them.

Axes of this room, beside those of the whole project: L rows of a history, padded on the left with
NaN; A settings of a smoother; M methods whose forecasts are mixed; E last rows that the encoder
reads; T rows of a synthetic series.
"""
