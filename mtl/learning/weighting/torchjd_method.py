"""Methods that torchjd brings, by the name of their class."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import get_class
from torch import Tensor
from torchjd.aggregation import Weighting as TorchJDWeighting

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.preferences import check_preferences, preference_vector


class TorchJD(GramianWeighting):
    """A stateless method of torchjd (Quinton and Rey, 2024), from Gramian to weights.

    The Gramian is brought to a mean diagonal of 1 first: torchjd's methods take small ones for
    zero, and their weights don't depend on its size.

    >>> name = "torchjd.aggregation.UPGradWeighting"
    >>> method = TorchJD(["a", "b"], at="parameters", every=1, method=name)
    >>> seen = TaskGradients.of([[1.0, 0.0], [-1.0, 1.0]])
    >>> [round(w, 3) for w in method.weights(seen).tolist()]
    [1.0, 0.75]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        method: full name of a class of ``torchjd.aggregation`` that weighs Gramians.
        options: its arguments, where it has some.
        preferences: task to how much it counts, relative to the others (those not named: 1), for
            classes that take a ``pref_vector``; null: all alike.

    Raises:
        UserError: there is no such class, it doesn't take these arguments, or has no preferences.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str],
        every: int,
        method: str,
        options: Mapping[str, Any] | None = None,
        preferences: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, at, every)
        self.preferences = check_preferences(tasks, preferences)
        try:
            # A run's configuration may be a stranger's.
            if not method.startswith("torchjd.aggregation.") or method.count(".") != 2:
                raise ValueError("must be a class of torchjd.aggregation")
            kind = get_class(method)
            if not issubclass(kind, TorchJDWeighting):
                raise TypeError("must weigh Gramians")
            self.method: TorchJDWeighting[Any] = kind(**(options or {}))
        except Exception as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"weighting.method={method}, weighting.options: {reason}") from error
        if self.preferences is not None and not hasattr(self.method, "pref_vector"):
            raise UserError("weighting.preferences: this method has none; use null")

    def weights(self, seen: TaskGradients) -> Tensor:
        """The class's own."""
        if self.preferences is not None:
            self.method.pref_vector = preference_vector(self.preferences, seen.tasks)
        result: Tensor = self.method(seen.gramian / seen.gramian.diagonal().mean())
        return result
