"""Training a network on what others, its teachers, say of the same images."""
