"""What a terminal shows of a training while it runs."""
