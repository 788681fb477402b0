"""How tasks, views and branches share backbone parameters."""
