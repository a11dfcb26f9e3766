"""Partners of the LSTM: smoothing that is fitted anew at every origin, and what combines them."""
