"""What may befall a run that is nobody's mistake: told from our own bugs, and said in one line."""
