"""Deterministic steps, the same for training, testing and predicting."""
