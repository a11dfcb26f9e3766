"""From windows to trained weights: steps, epochs, members, and the learning-rate range test."""
