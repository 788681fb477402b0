"""The weights that training begins with."""
