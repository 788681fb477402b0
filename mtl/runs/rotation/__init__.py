"""How what a network says changes as the images turn."""
