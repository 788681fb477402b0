"""Training, evaluating, and the folder that a run leaves."""
