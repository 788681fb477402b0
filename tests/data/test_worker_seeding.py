"""Random steps in data-loading workers: no two samples, workers or epochs alike; two runs alike."""

import numpy as np
import pytest
import torch

from mtl.data.augmentation.spec import Augmentation
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import DataSet, Source, Split

pytestmark = pytest.mark.slow

COUNT = 8
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


class Same(Source):
    """The same picture again and again, so that only the random steps tell samples apart."""

    def __len__(self) -> int:
        return COUNT

    def id(self, index: int) -> str:
        return str(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        return Sample(PICTURE, str(index), {"label": 0})


class SamePictures(DataSet):
    @property
    def targets(self) -> dict[str, Target]:
        return {"label": Target("label", ("a",))}

    def split(self, split: Split) -> Source:
        return Same()


def epochs(workers: int, seed: int = 0) -> list[torch.Tensor]:
    """The pictures of two epochs, each (COUNT, 3, 32, 32) in the order of their ids."""
    data = MultiTaskData(
        SamePictures(),
        Standard(32, (0.5,) * 3, (0.5,) * 3, fit="stretch"),
        Augmentation(rotate=30, shift=0.2, brightness=0.2),
        batch_size=2,
        seed=seed,
        workers=workers,
    )
    loader = data.loader("train", training=True)
    found = []
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        batches = list(loader)
        order = torch.tensor([int(i) for batch in batches for i in batch.ids]).argsort()
        found.append(torch.cat([batch.image for batch in batches])[order])
    return found


def test_no_two_samples_workers_or_epochs_are_alike() -> None:
    pictures = torch.cat(epochs(workers=2))
    assert len({picture.numpy().tobytes() for picture in pictures}) == 2 * COUNT


def test_runs_are_alike_whatever_the_number_of_workers() -> None:
    first, again, alone = epochs(workers=2), epochs(workers=2), epochs(workers=0)
    for one, two, three in zip(first, again, alone, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)
    assert not torch.equal(first[0], epochs(workers=0, seed=1)[0])
