"""Reading many run folders, without torch."""
