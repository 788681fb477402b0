"""Searches: Optuna is asked for the next values, an engine runs the jobs, Optuna is told."""
