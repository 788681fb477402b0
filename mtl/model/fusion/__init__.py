"""How features of views, branches and tasks meet."""
