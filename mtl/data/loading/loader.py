"""From a list of keys to a batch: what runs in the data-loading workers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mtl.data.batch import Batch, Broken, Labelled, collate
from mtl.data.loading.sampler import Key
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile


class Augment(Protocol):
    """A sample engine: deterministic in ``seed``."""

    def __call__(self, sample: Sample, seed: int, copy: int = 0) -> Sample:
        """The augmented sample."""


def mixed_seed(*parts: int) -> int:
    """One 32-bit seed out of several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


class SampleLoading(Dataset[Batch]):
    """Reads, preprocesses and augments samples one by one, and puts them into a batch.

    A broken file does not raise here: it comes home in ``Batch.broken``, since an exception would
    lose its shape on the way out of a worker.

    Args:
        source: the samples.
        targets: what they can be labelled with.
        preprocess: the deterministic steps; None where the source's samples have had them.
        augment: the random steps, or None.
        seed: of the random steps.
        copies: how many times each sample appears in an epoch. Positions beyond all copies begin
            with the first again (see ``Shares``).
    """

    def __init__(
        self,
        source: Source,
        targets: Mapping[str, Target],
        preprocess: Preprocess | None,
        augment: Augment | None,
        seed: int,
        copies: int = 1,
    ) -> None:
        self.source = source
        self.targets = targets
        self.preprocess = preprocess
        self.augment = augment
        self.seed = seed
        self.copies = copies

    def __len__(self) -> int:
        return len(self.source) * self.copies

    def sample(self, epoch: int, position: int) -> Sample:
        """One sample, ready for the batch.

        Raises:
            BadFile: it can't be read.
        """
        again, index = divmod(position, len(self.source))
        copy = again % self.copies
        if self.preprocess is None:
            sample = self.source.read(index).understood(self.targets)
        else:
            sample, _ = picture(self.source, index, self.preprocess, self.targets)
        if self.augment is not None:
            sample = self.augment(sample, mixed_seed(self.seed, epoch, position), copy)
        return sample

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """The batch of those keys, of which there may be none."""
        if not keys:
            return collate([], self.targets)
        samples: list[Sample] = []
        copies: list[int] = []
        broken: list[Broken] = []
        for epoch, position in keys:
            try:
                samples.append(self.sample(epoch, position))
                copies.append(position // len(self.source) % self.copies)
            except BadFile as error:
                broken.append(Broken(self.source.id(position % len(self.source)), str(error)))
        seed = mixed_seed(self.seed, *keys[0])
        return replace(collate(samples, self.targets, seed, copies, broken), keys=keys)


class ArrayLoading(Dataset[Batch]):
    """Cuts batches out of arrays in memory; augmentation waits for the device.

    Args:
        source: images of the network's size.
        targets: what they can be labelled with.
        seed: of the batch's random steps.
        copies: how many times each sample appears in an epoch.
    """

    def __init__(
        self, source: ArraySource, targets: Mapping[str, Target], seed: int, copies: int = 1
    ) -> None:
        self.source = source
        self.targets = targets
        self.seed = seed
        self.copies = copies

    def __len__(self) -> int:
        return len(self.source) * self.copies

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """The batch of those keys, of which there may be none."""
        if not keys:
            return collate([], self.targets)
        positions = np.array([position for _, position in keys])
        copy, rows = np.divmod(positions, len(self.source))
        found: dict[str, Labelled] = {}
        for name, target in self.targets.items():
            kind = target.kind
            taken = kind.take(self.source.targets[name], rows)
            has = np.flatnonzero(kind.has(taken))
            if len(has) < len(rows):
                taken = kind.take(taken, has)
            if len(has):
                found[name] = Labelled(torch.from_numpy(has), kind.cut(taken))
        return Batch(
            image=_taken(self.source.images, rows),
            ids=[self.source.ids[row] for row in rows],
            targets=found,
            seed=mixed_seed(self.seed, *keys[0]),
            keys=keys,
            copy=torch.from_numpy(copy % self.copies),
        )


def _taken(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> Tensor:
    """(B, 3, H, W) of some pictures; one plane for all colours where the array has but one."""
    if images.strides[3]:
        return torch.from_numpy(images[rows]).permute(0, 3, 1, 2)
    plane = torch.from_numpy(images[..., 0][rows])
    return plane.unsqueeze(1).expand(-1, images.shape[3], -1, -1)


def preprocessed(source: ArraySource, preprocess: Preprocess) -> ArraySource:
    """The whole array after the deterministic steps; the same object where they change nothing."""
    meaning = source.meaning
    first = picture(source, 0, preprocess, meaning)[0].image
    if first is source.images[0] or np.shares_memory(first, source.images):
        return source
    samples = [picture(source, index, preprocess, meaning)[0] for index in range(len(source))]
    targets = {
        name: meaning[name].kind.column([sample.targets.get(name) for sample in samples])
        if meaning[name].kind.placed
        else column
        for name, column in source.targets.items()
    }
    images = np.stack([sample.image for sample in samples])
    return ArraySource(images, source.ids, targets, meaning)


def identity(batch: Batch) -> Batch:
    """The collate function of data sets that hand out whole batches."""
    return batch
