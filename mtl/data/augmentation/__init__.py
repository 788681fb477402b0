"""Random steps, in training only."""
