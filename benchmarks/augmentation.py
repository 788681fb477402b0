"""Augmentation against what one would write by hand with albumentations, side by side."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch
from mtl.data.image_file import read_image
from mtl.data.loading.cache import CachedSource
from mtl.data.preprocess.normalise import Normalise
from mtl.data.preprocess.picture import picture
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.file_source import FileSource

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = 224
THINGS = tuple(f"thing{i}" for i in range(5))
TARGETS = {"boxes": Target("boxes", THINGS), "mask": Target("mask", ("ground", *THINGS))}


def batch_versus_albumentations(batch_size: int = 256, rounds: int = 15) -> Entry:
    """Crop, flip, rotate 15 degrees and normalise 32 px images, on one thread."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch_size, 32, 32, 3), np.uint8)
    batch = Batch(
        torch.from_numpy(pixels).permute(0, 3, 1, 2), [str(i) for i in range(batch_size)], {}
    )
    augment = BatchAugmenter(Augmentation(hflip=0.5, rotate=15, shift=0.125), {})
    normalise = Normalise(MEAN, STD)
    tail = [A.HorizontalFlip(p=0.5), A.Normalize(MEAN, STD), A.ToTensorV2()]
    crop = A.Compose([A.Pad(4), A.RandomCrop(32, 32), A.Rotate(15, p=1), *tail])
    shift = A.Compose([A.Affine(translate_percent=(-0.125, 0.125), rotate=(-15, 15), p=1), *tail])

    def by_albumentations(pipeline: A.Compose) -> torch.Tensor:
        return torch.stack([pipeline(image=image)["image"] for image in pixels])

    rates = _rates(
        {
            "batched": lambda: normalise(augment(batch).image),
            "albumentations": lambda: by_albumentations(crop),
            "albumentations, crop and turn as one affine": lambda: by_albumentations(shift),
        },
        batch_size,
        rounds,
    )
    return _entry(rates, "batched", "albumentations", 8.0, "batched augmentation, 32 px")


def versus_pil(count: int = 24, rounds: int = 9) -> dict[str, Entry]:
    """640x480 JPEGs with five boxes and a mask to augmented 224 px, from files and a cache."""
    spec = Augmentation(hflip=0.5, rotate=30, shift=0.1, zoom=0.2)
    augment, resize = SampleAugmenter(spec, SIZE), Standard(SIZE, MEAN, STD)
    by_hand = A.Compose(
        [
            A.Resize(SIZE, SIZE),
            A.Affine(
                rotate=(-30, 30),
                translate_percent=(-0.1, 0.1),
                scale=(0.8, 1.2),
                keep_ratio=True,
                p=1,
            ),
            A.HorizontalFlip(p=0.5),
        ],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=0.2),
    )
    with tempfile.TemporaryDirectory() as folder:
        paths, boxes, mask = write_photographs(Path(folder), count)
        source = Photographs(paths, boxes, mask)
        cached = CachedSource.open(source, TARGETS, resize, Path(folder) / "cache")

        def pil(path: Path) -> object:
            image = np.asarray(Image.open(path).convert("RGB"))
            return by_hand(image=image, mask=mask, bboxes=boxes.xyxy, labels=boxes.labels)

        rates = _rates(
            {
                "files": lambda: [
                    augment(picture(source, i, resize, TARGETS)[0], i) for i in range(count)
                ],
                "cache": lambda: [
                    augment(cached.read(i).understood(TARGETS), i) for i in range(count)
                ],
                "PIL and albumentations": lambda: [pil(path) for path in paths],
            },
            count,
            rounds,
        )
    baseline = "PIL and albumentations"
    what = "decoding and augmenting 640x480 JPEGs to 224 px"
    return {
        "files_versus_pil": _entry(rates, "files", baseline, 1.1, what),
        "cache_versus_pil": _entry(rates, "cache", baseline, 2.0, f"{what}, from the cache"),
    }


class Photographs(FileSource):
    """JPEGs with the same boxes and the same mask, which is at hand.

    Args:
        paths: of the files.
        boxes: in pixels of the whole image.
        mask: as large as the whole image.
    """

    def __init__(self, paths: list[Path], boxes: Boxes, mask: np.ndarray) -> None:
        self.paths = paths
        self.boxes = boxes
        self.mask = mask

    def __len__(self) -> int:
        return len(self.paths)

    def id(self, index: int) -> str:
        """The file's path."""
        return str(self.paths[index])

    def read(self, index: int, size: int | None = None) -> Sample:
        """As data sets do: boxes and masks are brought to the size that was decoded."""
        image, (width, height) = read_image(self.paths[index], size)
        scale = np.array([image.shape[1] / width, image.shape[0] / height] * 2, np.float32)
        small = cv2.resize(self.mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        moved = Boxes(self.boxes.xyxy * scale, self.boxes.labels, self.boxes.difficult)
        return Sample(image, self.id(index), {"boxes": moved, "mask": small}, (width, height))

    def files(self, index: int) -> list[Path]:
        """The image."""
        return [self.paths[index]]

    def key(self) -> str:
        """There is but one way of reading them."""
        return ""


def write_photographs(folder: Path, count: int) -> tuple[list[Path], Boxes, np.ndarray]:
    """JPEGs with the spectrum of photographs: amplitude falls with the frequency."""
    random = np.random.default_rng(0)
    paths = []
    for i in range(count):
        image = np.full((480, 640, 3), 128.0)
        for octave in range(8):
            waves = random.normal(0, 80 / 2**octave, (480 * 2**octave // 128, 5 * 2**octave, 3))
            image += cv2.resize(waves, (640, 480), interpolation=cv2.INTER_CUBIC)
        path = folder / f"{i}.jpg"
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(path)
    corner = random.uniform(0, 300, (5, 2))
    xyxy = np.concatenate([corner, corner + random.uniform(40, 180, (5, 2))], 1).astype(np.float32)
    boxes = Boxes(xyxy, np.arange(5), np.zeros(5, np.bool_))
    mask = np.zeros((480, 640), np.uint8)
    for label, (x1, y1, x2, y2) in enumerate(xyxy.astype(int), 1):
        mask[y1:y2, x1:x2] = label
    return paths, boxes, mask


def _rates(
    steps: dict[str, Callable[[], object]], items: int, rounds: int
) -> dict[str, list[float]]:
    """Items per second of processor time on one thread, in rounds of turns."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    try:
        # A turn lasts as long for each, so that all are measured with warm caches.
        repeats = {name: max(1, round(0.1 / _seconds(step))) for name, step in steps.items()}
        for _ in range(rounds):
            for name, step in steps.items():
                seconds[name].append(_seconds(step, repeats[name]))
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)
    return {name: [items / each for each in taken] for name, taken in seconds.items()}


def _seconds(step: Callable[[], object], repeats: int = 1) -> float:
    # Processor time: what else runs on the machine is no part of the comparison.
    step()
    start = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - start) / repeats


def _entry(
    rates: dict[str, list[float]], ours: str, baseline: str, goal: float, what: str
) -> Entry:
    medians = {name: rounded(statistics.median(each)) for name, each in rates.items()}
    return paired(
        rates[ours],
        rates[baseline],
        goal=goal,
        better="higher",
        what=f"{what}: images/s over those of {baseline}",
        unit="images/s",
        medians=medians,
        **surroundings(threads=1),
    )
