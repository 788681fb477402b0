"""Tables and curves of an evaluation."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import pytorch_lightning as L
from torch import nn

from mtl.data.batch import Batch
from mtl.data.sources.base import Split
from mtl.learning.callbacks.watching import Watch
from mtl.learning.evaluation import Observer, Outputs
from mtl.learning.module import MultiTaskModule
from mtl.model.curves.base import Curves, HeadCurves


class CurveWatch(Watch):
    """Adds up the curves of the evaluations that are asked for."""

    def __init__(self) -> None:
        self._heads = nn.ModuleDict()

    def asked(self, trainer: L.Trainer, split: Split) -> bool:
        """Whether the evaluation that is about to begin is to be watched; the same on all ranks."""
        return True

    @abstractmethod
    def found(
        self, trainer: L.Trainer, module: MultiTaskModule, split: Split, curves: dict[str, Curves]
    ) -> None:
        """What to do with the curves, by task; those where nothing was counted are absent."""

    def begin(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> Observer | None:
        """Fresh curves, if asked."""
        if not self.asked(trainer, split):
            return None
        made = {task: module.network.head(task).make_curves() for task in module.network.tasks}
        own = {task: curves for task, curves in made.items() if curves is not None}
        self._heads = nn.ModuleDict(own).to(module.device)
        return self._count

    def end(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        """Hand over what they add up to."""
        heads, self._heads = self._heads, nn.ModuleDict()
        every = {task: cast(HeadCurves, curves).compute() for task, curves in heads.items()}
        found = {task: curves for task, curves in every.items() if curves}
        self.found(trainer, module, split, found)

    def _count(
        self,
        batch: Batch,
        decisions: Mapping[str, Any],
        outputs: Outputs,
    ) -> None:
        for task, curves in self._heads.items():
            if task in decisions:
                cast(HeadCurves, curves).update(decisions[task], outputs[task][1])
