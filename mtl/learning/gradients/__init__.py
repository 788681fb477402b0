"""How the gradients of the tasks are found, accumulated, added over processes and written."""
