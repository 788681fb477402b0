"""Tasks: a head with its loss, its metrics and its drawing."""
