"""Training that gets used to int8."""
