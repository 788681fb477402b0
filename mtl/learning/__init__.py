"""How a network learns several tasks."""
