"""How the gradients of the tasks are found, accumulated, added over processes and written.

In the order of a step: ``reach`` (which task's loss gets to which parameter, measured once),
``accumulation`` (what one batch adds to a step), ``features`` (the network in two halves),
``per_task`` (each task's gradient), ``choose`` (what the method makes of them), ``combine`` (their
weighted sum, into ``.grad``). ``known_weights`` is the short way where weights need no finding,
``summed`` the step of methods on losses, ``ranks`` and ``reducer`` are for several processes.
``conflict`` looks on.
"""
