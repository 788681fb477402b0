"""What declares a function as a learning-rate schedule."""

import functools
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Schedule(Generic[P, R]):
    """A function that ``scheduler=`` may name, declared by ``@Schedule``.

    A configuration may be a stranger's, so not every function that it names is called.

    Args:
        function: called with ``optimizer``, ``steps`` (of the whole training), ``mode`` (``min`` or
            ``max``: what the monitored metric is to become) and the yaml's own keys; returns a
            torch schedule.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's own."""
        return self.function(*args, **kwargs)
