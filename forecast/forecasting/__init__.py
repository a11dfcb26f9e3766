"""From a trained model to forecasts in the user's units, and to a file and back."""
