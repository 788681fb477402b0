"""Views, encoder, fusion, heads and ensemble put together."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from mtl.data.batch import Batch, Labelled
from mtl.model.backbone.base import Features, pick
from mtl.model.encoder.base import Encoder
from mtl.model.ensemble.base import Ensemble
from mtl.model.fusion.base import Fusion
from mtl.model.head.base import Head
from mtl.model.head.stacks import HeadStacks
from mtl.model.single_values import allow_single_values
from mtl.model.views.base import Views, stream_rows
from mtl.model.views.placement import see


class Network(nn.Module):
    """The whole multi-task network.

    Args:
        views: makes views of the image.
        encoder: turns views into features per task.
        fusion: merges views and lets tasks exchange features.
        heads: task name to head.
        target_names: task name to the name of the data's target that labels it.
        ensemble: combines decisions.
        image_channels: of the images.

    Raises:
        UserError: a head doesn't go with the ensemble.
    """

    def __init__(
        self,
        views: Views,
        encoder: Encoder,
        fusion: Fusion,
        heads: Mapping[str, Head],
        target_names: Mapping[str, str],
        ensemble: Ensemble,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.views: Views = views
        self.encoder: Encoder = encoder
        self.fusion: Fusion = fusion
        self.heads = nn.ModuleDict(heads)
        self.target_names = dict(target_names)
        self.ensemble: Ensemble = ensemble
        self.image_channels = image_channels
        self.encoder_channels: nn.Module = nn.Identity()
        """``ChannelChoice`` where some channels of the encoder are read by no head."""
        self.head_channels: nn.Module = nn.Identity()
        """``ChannelChoice`` where the heads read some channels of what is fused only."""
        self.retired: frozenset[str] = frozenset()
        """Tasks that are trained no more: in training mode no sample is labelled for them."""
        self.idle: frozenset[str] = frozenset()
        """Likewise tasks from which nothing learns at the moment, since it is frozen."""
        self.stacks = HeadStacks(self.heads)
        for task in self.tasks:
            ensemble.check(task, self.head(task))
        allow_single_values(self)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in order."""
        return tuple(self.heads)

    def head(self, task: str) -> Head:
        """The head of a task."""
        return cast(Head, self.heads[task])

    @property
    def learning(self) -> tuple[str, ...]:
        """The tasks less those that nothing is to learn from, in training mode."""
        left_out = self.retired | self.idle if self.training else frozenset()
        return tuple(task for task in self.tasks if task not in left_out)

    def encode(self, image: Tensor) -> dict[str, Features]:
        """Images to features of every task, for all streams, each in the frame of its view.

        Args:
            image: (B, 3, H, W) float, normalised.
        """
        encoded = self.encoder(self.views(image))
        return cast(dict[str, Features], self.encoder_channels(encoded))

    def features(self, image: Tensor) -> dict[str, Features]:
        """What each head gets, for S·B rows where S streams are left.

        Args:
            image: (B, 3, H, W) float, normalised.
        """
        return self.fused(self.encode(image))

    def fused(self, encoded: Mapping[str, Features]) -> dict[str, Features]:
        """What ``encode`` gave, to what each head gets."""
        return cast(dict[str, Features], self.head_channels(self.fusion(encoded)))

    def decode(
        self, features: Mapping[str, Features], batch: Batch
    ) -> dict[str, tuple[Any, Labelled]]:
        """Raw output and labels of every task that has a label in the batch, over its own samples.

        Args:
            features: what ``encode`` made of the batch's image.
            batch: says which samples are labelled.

        Returns:
            Task to the head's output for S·n rows, stream by stream, and the labels of the n.
        """
        return self.read(self.fused(features), batch)

    def read(
        self, features: Mapping[str, Features], batch: Batch
    ) -> dict[str, tuple[Any, Labelled]]:
        """``decode`` from what each head gets, for S·B rows.

        Args:
            features: what ``fused`` made.
            batch: says which samples are labelled.
        """
        streams, size = self.fusion.streams, len(batch)
        found = {task: self.labels(task, batch) for task in self.learning}
        labelled = {task: labels for task, labels in found.items() if labels is not None}

        def picked(task: str) -> Features:
            rows = stream_rows(labelled[task].index, streams, size)
            return pick(features[task], rows, streams * size)

        raws: dict[str, Any] = {}
        # In training alone, so that what is decided doesn't depend on which tasks are together.
        if self.training:
            keys = {t: (id(features[t]), _rows(own, size)) for t, own in labelled.items()}
            for tasks in self.stacks.groups(keys):
                raws |= self.stacks.outputs(tasks, picked(tasks[0]))
        return {
            task: (raws[task] if task in raws else self.head(task)(picked(task)), labels)
            for task, labels in labelled.items()
        }

    def labels(self, task: str, batch: Batch) -> Labelled | None:
        """Of a task; None where no sample has one."""
        return self.head(task).labels(batch, self.target_names[task])

    def labelled_outputs(self, batch: Batch) -> dict[str, tuple[Any, Labelled]]:
        """``decode`` of what ``encode`` makes of a batch.

        Args:
            batch: with a normalised float image.
        """
        return self.decode(self.encode(batch.image), batch)

    def label_counts(self, batch: Batch) -> dict[str, int]:
        """Task to the number of samples that ``decode`` would give it; 0 are absent."""
        if not len(batch):
            return {}
        found = {task: self.labels(task, batch) for task in self.learning}
        return {t: len(labels.index) for t, labels in found.items() if labels is not None}

    def loss(self, task: str, raw: Any, labels: Labelled) -> Tensor:
        """Scalar loss of a task.

        Args:
            task: its name.
            raw: see ``labelled_outputs``.
            labels: likewise.
        """
        return self.ensemble.loss(task, self.head(task), raw, labels)

    def losses(self, outputs: Mapping[str, tuple[Any, Labelled]]) -> dict[str, Tensor]:
        """Scalar loss of every task.

        Args:
            outputs: see ``labelled_outputs``.
        """
        found: dict[str, Tensor] = {}
        if self.training and self.ensemble.leaves_losses:
            keys = {task: _form(labels) for task, (_, labels) in outputs.items()}
            for tasks in self.stacks.groups(keys):
                found |= self.stacks.losses(tasks, outputs)
        return {
            task: found[task] if task in found else self.loss(task, *of_task)
            for task, of_task in outputs.items()
        }

    def decide(self, task: str, raw: Any) -> Any:
        """Raw output for S·n rows to n decisions, as ``Head.predict`` makes them."""
        return self.ensemble.decide(task, self.head(task), raw)

    def forward(self, image: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Any]:
        """Raw output of every task for every image and stream.

        Args:
            image: (B, 3, H, W) float, normalised.
            tasks: only these, without the heads of the others; None for all.
        """
        return self.raw(self.encode(image), self.tasks if tasks is None else tasks)

    def raw(self, features: Mapping[str, Features], tasks: Sequence[str]) -> dict[str, Any]:
        """Raw output of some tasks for all samples, labelled or not.

        Args:
            features: what ``encode`` made of B images.
            tasks: whose heads are run.

        Returns:
            Task to the head's output for S·B rows, stream by stream.
        """
        read = self.fused(features)
        return {task: self.head(task)(read[task]) for task in tasks}

    def merged(self, task: str, raw: Any) -> Any:
        """Raw output for S·n rows to one for n, as teacher and student compare theirs."""
        return self.ensemble.merged(task, self.head(task), raw)

    @torch.no_grad()
    def predict(self, image: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Any]:
        """Decisions of every task for every image, in the network's picture.

        With ``ensemble.tta`` those on the copies, combined: one pass of the network for each.

        Args:
            image: (B, 3, H, W) float, normalised.
            tasks: see ``forward``.
        """
        return self._decided(image, partial(self, tasks=tasks))

    @torch.no_grad()
    def decisions(
        self, batch: Batch, outputs: Mapping[str, tuple[Any, Labelled]]
    ) -> dict[str, Any]:
        """``predict`` for the labelled samples of every task only.

        Args:
            batch: with a normalised float image.
            outputs: what ``labelled_outputs`` gave for it, which is not computed again.
        """

        def raws(image: Tensor) -> dict[str, Any]:
            same = image is batch.image
            found = outputs if same else self.labelled_outputs(replace(batch, image=image))
            return {task: raw for task, (raw, _) in found.items()}

        return self._decided(batch.image, raws)

    def _decided(self, image: Tensor, raws: Callable[[Tensor], dict[str, Any]]) -> dict[str, Any]:
        """Decisions on the image, or on its copies together, at the heads' temperatures."""
        found = self._combined(image, raws)
        return {task: self.head(task).tempered(decision) for task, decision in found.items()}

    def _combined(self, image: Tensor, raws: Callable[[Tensor], dict[str, Any]]) -> dict[str, Any]:
        """Decisions on the image, or on its copies, carried back and combined."""
        copies = self.ensemble.copies
        if not copies:
            return {task: self.decide(task, raw) for task, raw in raws(image).items()}
        found: dict[str, list[Any]] = {}
        for copy in copies:
            size = (image.shape[-2], image.shape[-1])
            for task, raw in raws(see(image, [copy], size)).items():
                decision = self.head(task).carry_back(self.decide(task, raw), copy)
                found.setdefault(task, []).append(decision)
        if len(copies) == 1:
            return {task: decisions[0] for task, decisions in found.items()}
        return {
            task: self.ensemble.combine_copies(task, self.head(task), decisions)
            for task, decisions in found.items()
        }

    def gauges(self) -> dict[str, Tensor]:
        """Scalars that the parts want to have a curve in the log, by full name."""
        found = {
            "views": self.views.gauges(),
            "encoder": self.encoder.gauges(),
            "fusion": self.fusion.gauges(),
            "ensemble": self.ensemble.gauges(),
        }
        return {
            f"{part}/{name}": value
            for part, gauges in found.items()
            for name, value in gauges.items()
        }


def _rows(labels: Labelled, size: int) -> Hashable:
    """Which samples are labelled; None for all."""
    return None if len(labels.index) == size else labels.on_cpu.index.numpy().tobytes()


def _form(labels: Labelled) -> Hashable:
    """The shape and the type of the labels; another one for each where they are no tensor."""
    value = labels.value
    return (value.shape, value.dtype) if isinstance(value, Tensor) else id(value)
