"""How decisions of views, branches and models meet."""
