"""The LightningModule of a student."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mtl.data.batch import Batch
from mtl.learning.distillation.check import check_lessons
from mtl.learning.distillation.teacher import Teacher
from mtl.learning.gradients.accumulation import Accumulation
from mtl.learning.module import Encode, MultiTaskModule
from mtl.model.ensemble.streams import together
from mtl.model.views.base import stream_rows


class EveryImage(Accumulation):
    """Counts all images for all tasks: teachers have something to say of each."""

    def counts(self, batch: Batch) -> dict[str, int]:
        """Task to the number of images."""
        return dict.fromkeys(self.network.learning, len(batch)) if len(batch) else {}


class DistilledModule(MultiTaskModule):
    """Trains a network on labels and on what teachers say of the same augmented images.

    A task's loss is the mean over all images of ``weight`` times the head's ``distillation`` loss
    and, where an image is labelled, ``1 - weight`` times its ordinary loss. To the weighting of the
    tasks this is one loss. Heads see all images, labelled or not. Validation and test know of no
    teacher.

    Args:
        teachers: whose tasks together are those of the network, each once. They are not part of the
            module, so that no checkpoint holds them.
        weight: of what the teachers say, above 0 and at most 1, where labels count for nothing.
        temperature: see ``Head.distillation``.
        options: see ``MultiTaskModule``.

    Raises:
        UserError: a head can't learn from its teacher's.
    """

    def __init__(
        self, *, teachers: Sequence[Teacher], weight: float, temperature: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self.teachers = tuple(teachers)
        self.weight = weight
        self.temperature = temperature
        check_lessons(self.network, self.teachers)

    def counted_losses(
        self, batch: Batch, encode: Encode | None = None
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """See the class; each loss is the mean over all images.

        Args:
            batch: with a normalised float image.
            encode: takes the place of the network's own.
        """
        if not len(batch):
            return {}, {}
        features = (self.network.encode if encode is None else encode)(batch.image)
        raws = self.network.raw(features, self.network.learning)
        lessons: dict[str, Any] = {}
        for teacher in self.teachers:
            lessons |= teacher.answers(batch.image)
        losses = {
            task: self.task_weights[task] * self._loss(task, raw, lessons[task], batch)
            for task, raw in raws.items()
        }
        return losses, dict.fromkeys(losses, len(batch))

    def new_accumulation(self) -> Accumulation:
        """Of all images."""
        return EveryImage(self.network)

    def _loss(self, task: str, raw: Any, lesson: Any, batch: Batch) -> Tensor:
        head, size = self.network.head(task), len(batch)
        merged = self.network.merged(task, raw)
        soft = self.weight * head.distillation(merged, lesson, self.temperature)
        labels = self.network.labels(task, batch)
        if labels is None or self.weight == 1:
            return soft
        rows = stream_rows(labels.index, self.network.fusion.streams, size)
        own = together([raw], lambda tensors: tensors[0].index_select(0, rows))
        share = len(labels.index) / size
        return soft + (1 - self.weight) * share * self.network.loss(task, own, labels)
