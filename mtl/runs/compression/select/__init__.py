"""Feature selection: which channels of the encoder's features each task needs."""
