"""What every augmentation has to do, in both engines: labels follow pixels, seeds decide."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from contracts_kit import every, node

from mtl.config.instantiate import container, make
from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, BoxBatch, collate
from mtl.data.sample import IGNORE_PIXEL, Boxes, Sample, Target

SIDE = 48
SEEDS = range(6)
TARGETS = {
    "label": Target("label", ("a", "b")),
    "boxes": Target("boxes", ("a",)),
    "mask": Target("mask", ("ground", "a")),
}
MEMBERS = every("augmentation")


def spec(name: str) -> Augmentation:
    made = make(container(node("augmentation", name)), Augmentation)
    assert isinstance(made, Augmentation)
    return made


def sample() -> Sample:
    """A bright rectangle near a corner, with its box and its mask."""
    image = np.full((SIDE, SIDE, 3), 30, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    image[14:22, 12:32] = 220
    mask[14:22, 12:32] = 1
    boxes = Boxes(
        np.array([[12, 14, 32, 22]], np.float32), np.zeros(1, np.int64), np.zeros(1, bool)
    )
    targets = {"label": 1, "boxes": boxes, "mask": mask}
    return Sample(image, "a.png", targets, meaning=TARGETS)


def by_sample(made: Augmentation, seed: int, copy_: int = 0) -> Sample:
    return SampleAugmenter(made, SIDE)(sample(), seed, copy_)


def by_batch(made: Augmentation, seed: int, copy_: int = 0) -> Sample:
    """The batch engine on one sample."""
    batch: Batch = BatchAugmenter(made, TARGETS)(collate([sample()], TARGETS, seed, [copy_]))
    boxes = batch.targets["boxes"].value
    assert isinstance(boxes, BoxBatch)
    kept = boxes.valid[0]
    found = Boxes(*(t[0][kept].numpy() for t in (boxes.xyxy, boxes.labels, boxes.difficult)))
    mask = batch.targets["mask"].value
    label = batch.targets["label"].value
    assert isinstance(mask, torch.Tensor)
    assert isinstance(label, torch.Tensor)
    targets = {"label": int(label[0]), "boxes": found, "mask": mask[0].numpy()}
    return Sample(batch.image[0].permute(1, 2, 0).numpy(), "a.png", targets)


ENGINES = {"sample": by_sample, "batch": by_batch}
BOTH = pytest.mark.parametrize("engine", ENGINES)


@BOTH
@pytest.mark.parametrize("name", MEMBERS)
def test_labels_follow_pixels(name: str, engine: str) -> None:
    made = spec(name)
    for seed in SEEDS:
        for number in range(made.copies):
            done = ENGINES[engine](made, seed, number)
            assert (done.image.shape, done.image.dtype) == ((SIDE, SIDE, 3), np.uint8)
            assert done.targets.keys() == TARGETS.keys()
            assert done.targets["label"] == 1
            mask, boxes = done.targets["mask"], done.targets["boxes"]
            assert isinstance(mask, np.ndarray)
            assert isinstance(boxes, Boxes)
            assert set(np.unique(mask)) <= {0, 1, IGNORE_PIXEL}
            bright = done.image[..., 0] > 125
            both, either = (bright & (mask == 1)).sum(), (bright | (mask == 1)).sum()
            assert both >= 0.7 * either, (seed, number)
            if len(boxes) == 0:
                # Most of it has left the picture.
                assert bright.sum() < 0.5 * 8 * 20
                continue
            rows, columns = np.nonzero(bright)
            left, top, right, bottom = boxes.xyxy[0]
            assert left - 1.5 <= columns.min() <= columns.max() + 1 <= right + 1.5
            assert top - 1.5 <= rows.min() <= rows.max() + 1 <= bottom + 1.5
            assert 0 <= left < right <= SIDE
            assert 0 <= top < bottom <= SIDE


@BOTH
@pytest.mark.parametrize("name", MEMBERS)
def test_the_seed_alone_decides(name: str, engine: str) -> None:
    made = spec(name)
    given = sample()
    first = [ENGINES[engine](made, seed).image for seed in SEEDS]
    again = [ENGINES[engine](made, seed).image for seed in SEEDS]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(given.image, sample().image)
    random = made.moves or made.brightness or made.contrast or 0 < made.hflip < 1
    differ = any(not np.array_equal(first[0], other) for other in first)
    assert differ == bool(random)


@BOTH
@pytest.mark.parametrize("name", MEMBERS)
def test_without_its_steps_it_changes_nothing(name: str, engine: str) -> None:
    """``none`` as it stands; every other one with all steps off."""
    off = dict.fromkeys(
        ("hflip", "vflip", "rotate", "shift", "zoom", "shear", "brightness", "contrast"), 0.0
    )
    made = spec(name) if name == "none" else replace(spec(name), **off, angles=(), extra=())
    done, given = ENGINES[engine](made, 3), sample()
    np.testing.assert_array_equal(done.image, given.image)
    np.testing.assert_array_equal(done.targets["mask"], given.targets["mask"])
    boxes, kept = done.targets["boxes"], given.targets["boxes"]
    assert isinstance(boxes, Boxes)
    assert isinstance(kept, Boxes)
    np.testing.assert_array_equal(boxes.xyxy, kept.xyxy)


@pytest.mark.parametrize("name", MEMBERS)
def test_samples_without_targets_and_batches_without_samples(name: str) -> None:
    made = spec(name)
    bare = Sample(sample().image, "a.png", {})
    assert SampleAugmenter(made, SIDE)(copy.deepcopy(bare), 1).targets == {}
    batch = BatchAugmenter(made, TARGETS)(collate([bare], TARGETS, 1, [0]))
    assert (len(batch), dict(batch.targets)) == (1, {})
    assert len(BatchAugmenter(made, TARGETS)(collate([], TARGETS))) == 0
