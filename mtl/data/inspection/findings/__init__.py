"""What is worth a look in data: a file for each, whose ``find(looked)`` yields lines."""
