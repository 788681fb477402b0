"""Samples of one size put together, with an index that says who has which target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

if TYPE_CHECKING:
    from mtl.data.sample import Boxes, Sample, Target


class BatchValue(Protocol):
    """Values of n samples that no single tensor holds, such as boxes."""

    def map(self, change: Callable[[Tensor], Tensor]) -> BatchValue:
        """Every tensor changed."""

    def __getitem__(self, rows: Tensor | slice) -> BatchValue: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class BoxBatch:
    """Boxes of n samples, padded to the longest list.

    Args:
        xyxy: (n, M, 4) float32 pixels, zeros where padded.
        labels: (n, M) int64, -1 where padded.
        difficult: (n, M) bool, False where padded.
        within: (n, 4) float32 pixels of the part of each picture that shows the image, infinite
            where it is all of it; None says that of every picture.
        looked_for: (n, C) bool, of which classes all objects were annotated; None means of every
            one in every picture.
    """

    xyxy: Tensor
    labels: Tensor
    difficult: Tensor
    within: Tensor | None = None
    looked_for: Tensor | None = None

    @property
    def valid(self) -> Tensor:
        """(n, M) bool: True where there is an object."""
        return self.labels >= 0

    @property
    def counted(self) -> Tensor:
        """(n, M) bool: the objects that are measured, which are those that are not difficult."""
        return self.valid & ~self.difficult

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Every tensor changed."""
        return replace(
            self,
            xyxy=change(self.xyxy),
            labels=change(self.labels),
            difficult=change(self.difficult),
            within=None if self.within is None else change(self.within),
            looked_for=None if self.looked_for is None else change(self.looked_for),
        )

    def __getitem__(self, rows: Tensor | slice) -> Self:
        return self.map(lambda part: part[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def at_least_one(self) -> Self:
        """The same with a place for an object, empty, where there was none for any."""
        if self.labels.shape[1]:
            return self
        rows = len(self)
        return replace(
            self,
            xyxy=self.xyxy.new_zeros((rows, 1, 4)),
            labels=self.labels.new_full((rows, 1), -1),
            difficult=self.difficult.new_zeros((rows, 1)),
        )

    @classmethod
    def collate(cls, boxes: Sequence[Boxes]) -> BoxBatch:
        """Pad and stack."""
        most = max((len(b) for b in boxes), default=0)
        xyxy = np.zeros((len(boxes), most, 4), np.float32)
        labels = np.full((len(boxes), most), -1, np.int64)
        difficult = np.zeros((len(boxes), most), np.bool_)
        for row, b in enumerate(boxes):
            xyxy[row, : len(b)] = b.xyxy
            labels[row, : len(b)] = b.labels
            difficult[row, : len(b)] = b.difficult
        within = None
        if any(b.within is not None for b in boxes):
            everywhere = (-np.inf, -np.inf, np.inf, np.inf)
            within = torch.tensor([b.within or everywhere for b in boxes], dtype=torch.float32)
        return cls(
            torch.from_numpy(xyxy),
            torch.from_numpy(labels),
            torch.from_numpy(difficult),
            within,
            _together([b.looked_for for b in boxes]),
        )


def _together(looked_for: Sequence[npt.NDArray[np.bool_] | None]) -> Tensor | None:
    partial = [classes for classes in looked_for if classes is not None]
    if not partial:
        return None
    every = np.ones_like(partial[0])
    return torch.from_numpy(np.stack([every if one is None else one for one in looked_for]))


@dataclass(frozen=True)
class Labelled:
    """One target of a batch, over the n ≤ B samples that have it.

    Args:
        index: (n,) int64, ascending rows of the batch.
        value: (n,) int64 for ``label``; (n, C) int8 for ``labels``; BoxBatch for ``boxes``;
            (n, H, W) uint8 for ``mask``; see ``TargetKind.collate``.
        twin: the same on the CPU, where it came from there: looking at it waits for no GPU.
    """

    index: Tensor
    value: Tensor | BatchValue
    twin: Labelled | None = field(default=None, repr=False)

    @property
    def on_cpu(self) -> Labelled:
        """The same on the CPU."""
        if self.index.device.type == "cpu":
            return self
        return self.twin if self.twin is not None else self.map(Tensor.cpu)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Labelled:
        """The same on another device, with its twin."""
        moved = self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))
        on_cpu = self.index.device.type == "cpu"
        return replace(moved, twin=self if on_cpu and moved.index.device.type != "cpu" else None)

    def map(self, change: Callable[[Tensor], Tensor]) -> Labelled:
        """Every tensor changed."""
        value = self.value
        changed = change(value) if isinstance(value, Tensor) else value.map(change)
        return Labelled(change(self.index), changed)


@dataclass(frozen=True)
class Broken:
    """A sample that could not be read: its id (a path, mostly) and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """What a step sees.

    Args:
        image: (B, 3, H, W) RGB as loaded, uint8 or, of more than 8 bits, float in 0..255; of grey
            pictures perhaps one plane that is seen three times (``is_grey``).
        ids: B sample ids.
        targets: target name to Labelled; a target that no sample has is absent.
        seed: seed of this batch's random choices (0 outside training).
        copy: (B,) int64 on the CPU, which copy of the sample this is for augmentations that keep
            the original and add copies; 0 is the original.
        broken: samples left out of this batch because they could not be read.
        window: the batches that are accumulated for one step, this one included; empty where it is
            a step by itself.
        place: which of them this is.
        keys: epoch and position of each sample that was asked for, broken ones included.
        finished: whether the image is what the network takes: augmented as a batch, if at all, and
            normalised.
    """

    image: Tensor
    ids: list[str]
    targets: Mapping[str, Labelled]
    seed: int = 0
    copy: Tensor | None = None
    broken: tuple[Broken, ...] = field(default=())
    window: Sequence[Batch] = field(default=(), repr=False)
    place: int = 0
    keys: Sequence[tuple[int, int]] = field(default=(), repr=False)
    finished: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same on another device; Lightning and loaders look for this method.

        Args:
            device: where the image and the targets go.
            non_blocking: whether not to wait for pinned memory to be copied.
        """
        return replace(
            self,
            image=self.image.to(device, non_blocking=non_blocking),
            targets={name: found.to(device, non_blocking) for name, found in self.targets.items()},
        )

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, from where a GPU takes it faster; loaders call this."""
        return replace(
            self,
            image=self.image.pin_memory(),
            targets={name: found.map(Tensor.pin_memory) for name, found in self.targets.items()},
        )


def is_grey(image: Tensor) -> bool:
    """Whether the colours of (B, C, H, W) pictures are one plane in memory."""
    return image.shape[1] > 1 and image.stride(1) == 0


def collate(
    samples: Sequence[Sample],
    targets: Mapping[str, Target],
    seed: int = 0,
    copy: Sequence[int] | None = None,
    broken: Sequence[Broken] = (),
) -> Batch:
    """Put samples of one size together.

    Args:
        samples: B samples whose images all have the same shape.
        targets: what the data set can label.
        seed: see Batch.
        copy: see Batch.
        broken: see Batch.
    """
    found: dict[str, Labelled] = {}
    for name, target in targets.items():
        rows = [i for i, s in enumerate(samples) if name in s.targets]
        if rows:
            value = target.kind.collate([samples[i].targets[name] for i in rows])
            found[name] = Labelled(torch.tensor(rows), value)
    images = (
        torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
        if samples
        else torch.zeros((0, 3, 1, 1), dtype=torch.uint8)
    )
    return Batch(
        image=images,
        ids=[s.id for s in samples],
        targets=found,
        seed=seed,
        copy=None if copy is None else torch.tensor(copy),
        broken=tuple(broken),
    )
