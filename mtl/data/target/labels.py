"""Any number of classes per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mtl.data.sample import IGNORE_LABEL
from mtl.data.target.base import TargetKind

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.sample import Target


class LabelsKind(TargetKind):
    """A vector (C,) int8 of 0, 1, or IGNORE_LABEL for undecided."""

    dtype = np.int8
    unknown: ClassVar[float] = IGNORE_LABEL
    counted: ClassVar[str] = "samples"
    uncounted: ClassVar[str | None] = "undecided entries"

    def count(self, tally: Tally, value: Any) -> None:
        """Samples that show each class."""
        tally.counts += np.asarray(value) == 1
        tally.ignored += int(self.is_unknown(np.asarray(value)).sum())

    def caption(self, value: Any, target: Target) -> str:
        """The classes that are there, undecided ones with a question mark; or ``none``."""
        pairs = list(zip(target.classes, value.tolist(), strict=True))
        certain = [name for name, entry in pairs if entry == 1]
        unsure = [f"{name}?" for name, entry in pairs if entry == IGNORE_LABEL]
        return ", ".join(certain + unsure) or "none"
