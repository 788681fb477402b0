"""Training samples as the network gets them, one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mtl.data.batch import Batch, Broken
from mtl.data.loading.module import MultiTaskData
from mtl.data.loading.sampler import EpochSampler
from mtl.data.sample import Sample, Target, TargetValue
from mtl.data.sources.base import Split


@dataclass(frozen=True)
class Drawn:
    """Samples taken for a picture.

    Args:
        samples: after preprocessing and augmentation.
        broken: those that could not be read on the way.
    """

    samples: list[Sample]
    broken: list[Broken]


def augmented(data: MultiTaskData, split: Split, number: int) -> Drawn:
    """The first readable samples of the first epoch, preprocessed and augmented as for training.

    Args:
        data: after ``prepare_data``.
        split: which samples.
        number: how many at most, 1 or more.

    Raises:
        UserError: the data set has no such split.
    """
    loading = data.loading(split, augment=True)
    order = list(EpochSampler(len(loading), data.seed, shuffle=True))
    drawn = Drawn([], [])
    start = 0
    while start < len(order) and len(drawn.samples) < number:
        stop = start + number - len(drawn.samples)
        batch = loading.__getitems__(order[start:stop])
        start = stop
        if data.batch_augmenter is not None:
            batch = data.batch_augmenter(batch)
        drawn.samples.extend(separated(batch, data.targets))
        drawn.broken.extend(batch.broken)
    return drawn


def separated(batch: Batch, targets: Mapping[str, Target]) -> list[Sample]:
    """A batch taken apart again.

    Args:
        batch: on the CPU, its image uint8 or float in 0..255, not normalised.
        targets: what its targets mean.
    """
    pixels = batch.image
    if pixels.is_floating_point():
        pixels = pixels.round().clamp(0, 255).to(torch.uint8)
    images = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    values = separated_values(batch, targets, range(len(batch)))
    return [
        Sample(np.asarray(image), name, found, meaning=targets)
        for image, name, found in zip(images, batch.ids, values, strict=True)
    ]


def separated_values(
    batch: Batch, targets: Mapping[str, Target], rows: Sequence[int]
) -> list[dict[str, TargetValue]]:
    """The target values of some samples of a batch, by target; what a sample lacks is absent.

    Args:
        batch: on any device.
        targets: those that are wanted, and what they mean.
        rows: which samples.
    """
    found: dict[int, dict[str, TargetValue]] = {row: {} for row in rows}
    for name in targets.keys() & batch.targets.keys():
        labelled = batch.targets[name].on_cpu
        for place, row in enumerate(labelled.index.tolist()):
            if row in found:
                found[row][name] = targets[name].kind.separate(labelled.value, place)
    return [found[row] for row in rows]
