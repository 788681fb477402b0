"""``ensemble=none``."""

from collections.abc import Sequence
from typing import ClassVar

from mtl.errors import UserError
from mtl.model.ensemble.base import Ensemble


class NoEnsemble(Ensemble):
    """Decisions stay as the heads made them; those on copies are averaged.

    Args:
        streams: see Ensemble.
        tasks: see Ensemble.
        tta: see Ensemble.

    Raises:
        UserError: there are several streams, whose decisions something has to combine.
    """

    over_models: ClassVar[bool] = False

    def __init__(self, streams: int, tasks: Sequence[str], tta: Sequence[float | str] = ()) -> None:
        super().__init__(streams, tasks, tta)
        if streams > 1:
            raise UserError(
                f"{streams} views or branches reach the heads and nothing combines them: choose "
                "fusion=mean (features) or ensemble=mean (decisions)"
            )
