"""Static int8: what it costs each task, and what stays float for that."""
