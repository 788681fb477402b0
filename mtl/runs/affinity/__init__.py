"""How training one task changes the others."""
