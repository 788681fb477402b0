"""Tables and curves of a task as pictures."""
