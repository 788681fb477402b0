"""What trains when."""
