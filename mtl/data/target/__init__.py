"""What a sample can be labelled with: one class per kind, which alone knows all about it."""
