"""From keys to batches."""

import numpy as np
import pytest
import torch

from mtl.data.batch import BoxBatch
from mtl.data.loading.loader import ArrayLoading, SampleLoading, mixed_seed, preprocessed
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile

TARGETS = {
    "label": Target("label", ("a", "b")),
    "labels": Target("labels", ("a", "b")),
    "boxes": Target("boxes", ("a", "b")),
    "mask": Target("mask", ("background", "a", "b")),
}


def arrays() -> ArraySource:
    """Four samples; sample 1 has no label, sample 2 no boxes."""
    rng = np.random.default_rng(0)
    box = Boxes(np.array([[1, 2, 5, 6]], np.float32), np.array([1]), np.array([False]))
    two = Boxes(
        np.array([[0, 0, 2, 2], [3, 3, 8, 8]], np.float32),
        np.array([0, 1]),
        np.array([True, False]),
    )
    return ArraySource(
        rng.integers(0, 256, (4, 8, 8, 3), np.uint8),
        ["s0", "s1", "s2", "s3"],
        {
            "label": np.array([0, -1, 1, 1]),
            "labels": np.array([[1, 0], [0, 1], [-1, 1], [0, 0]], np.int8),
            "boxes": [box, two, None, Boxes.empty()],
            "mask": rng.integers(0, 3, (4, 8, 8)).astype(np.uint8),
        },
        TARGETS,
    )


def keys(*positions: int) -> list[tuple[int, int]]:
    return [(0, position) for position in positions]


def test_array_batches_equal_sample_batches() -> None:
    source = arrays()
    fast = ArrayLoading(source, TARGETS, seed=5).__getitems__(keys(3, 1, 2))
    slow = SampleLoading(source, TARGETS, None, None, seed=5).__getitems__(keys(3, 1, 2))
    assert torch.equal(fast.image, slow.image)
    assert fast.ids == slow.ids == ["s3", "s1", "s2"]
    assert fast.seed == slow.seed
    assert fast.targets.keys() == slow.targets.keys()
    for name, expected in slow.targets.items():
        found = fast.targets[name]
        assert torch.equal(found.index, expected.index)
        if isinstance(expected.value, BoxBatch):
            assert isinstance(found.value, BoxBatch)
            assert torch.equal(found.value.xyxy, expected.value.xyxy)
            assert torch.equal(found.value.labels, expected.value.labels)
            assert torch.equal(found.value.difficult, expected.value.difficult)
        else:
            assert isinstance(found.value, torch.Tensor)
            assert torch.equal(found.value, expected.value)


def test_missing_targets_are_absent_not_zero() -> None:
    batch = ArrayLoading(arrays(), TARGETS, seed=0).__getitems__(keys(1, 2))
    assert batch.targets["label"].index.tolist() == [1]
    assert batch.targets["boxes"].index.tolist() == [0]
    alone = ArrayLoading(arrays(), TARGETS, seed=0).__getitems__(keys(1))
    assert "label" not in alone.targets


def test_empty_box_list_is_a_label() -> None:
    batch = ArrayLoading(arrays(), TARGETS, seed=0).__getitems__(keys(3))
    value = batch.targets["boxes"].value
    assert isinstance(value, BoxBatch)
    assert value.xyxy.shape == (1, 0, 4)


def test_copies_repeat_samples_and_say_so() -> None:
    loading = ArrayLoading(arrays(), TARGETS, seed=0, copies=3)
    assert len(loading) == 12
    batch = loading.__getitems__(keys(1, 5, 9))
    assert batch.ids == ["s1", "s1", "s1"]
    assert batch.copy is not None
    assert batch.copy.tolist() == [0, 1, 2]


def test_seeds_differ_by_epoch_position_and_seed() -> None:
    assert (
        len({mixed_seed(0, 0, 1), mixed_seed(0, 1, 0), mixed_seed(1, 0, 0), mixed_seed(0, 0, 0)})
        == 4
    )


class Failing(Source):
    """Sample 1 of three is broken."""

    def __len__(self) -> int:
        return 3

    def id(self, index: int) -> str:
        return f"{index}.jpg"

    def read(self, index: int, size: int | None = None) -> Sample:
        if index == 1:
            raise BadFile("1.jpg", "is empty")
        return Sample(np.zeros((4, 4, 3), np.uint8), self.id(index), {"label": index % 2})


def test_broken_samples_come_home_in_the_batch() -> None:
    batch = SampleLoading(Failing(), TARGETS, None, None, seed=0).__getitems__(keys(0, 1, 2))
    assert batch.ids == ["0.jpg", "2.jpg"]
    assert [(b.id, b.reason) for b in batch.broken] == [("1.jpg", "1.jpg: is empty")]


def test_a_batch_of_nothing_but_broken_samples_is_empty() -> None:
    batch = SampleLoading(Failing(), TARGETS, None, None, seed=0).__getitems__(keys(1))
    assert len(batch) == 0
    assert len(batch.broken) == 1


@pytest.mark.parametrize("size", [8, 16])
def test_arrays_are_preprocessed_once(size: int) -> None:
    source = arrays()
    done = preprocessed(source, Standard(size, (0.5,) * 3, (0.5,) * 3, fit="stretch"))
    assert (done is source) == (size == 8)
    assert done.images.shape == (4, size, size, 3)
    assert np.asarray(done.targets["mask"]).shape == (4, size, size)
    boxes = done.targets["boxes"][0]
    assert isinstance(boxes, Boxes)
    assert boxes.xyxy.tolist() == [[v * size / 8 for v in (1, 2, 5, 6)]]
