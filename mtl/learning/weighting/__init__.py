"""How the task losses make one step."""
