"""A small folder in VOC layout, made of coloured rectangles."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("car", "dog", "person")
SHARED_DATA = Path(
    os.environ.get("MTL_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)

Object = tuple[str, tuple[float, float, float, float]]
"""A class and a box as VOC writes it: xmin, ymin, xmax, ymax, 1-based and inclusive."""


def make_voc(
    root: Path,
    *,
    n_train: int = 4,
    n_val: int = 2,
    n_test: int = 2,
    size: tuple[int, int] = (64, 48),
    masks: bool = True,
    seed: int = 0,
    classes: tuple[str, ...] = CLASSES,
) -> Path:
    """Write the folder; returns ``root``.

    Image ``<split><number>`` shows one or two rectangles whose colour is their class's; masks carry
    the class's number from 1 in the order of ``classes``, and 255 on the rectangles' outline.

    Args:
        root: where to.
        n_train: number of images; 0 writes no list.
        n_val: likewise.
        n_test: likewise.
        size: (width, height) of the images, pixels.
        masks: whether to write SegmentationClass.
        seed: of places and classes.
        classes: names of the classes.
    """
    rng = np.random.default_rng(seed)
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True, exist_ok=True)
    if masks:
        (root / "SegmentationClass").mkdir(exist_ok=True)
        (root / "ImageSets" / "Segmentation").mkdir(exist_ok=True)
    width, height = size
    for split, count in (("train", n_train), ("val", n_val), ("test", n_test)):
        names = [f"{split}{number}" for number in range(count)]
        for name in names:
            image = rng.integers(90, 130, (height, width, 3)).astype(np.uint8)
            mask = np.zeros((height, width), np.uint8)
            objects: list[Object] = []
            for _ in range(int(rng.integers(1, 3))):
                index = int(rng.integers(len(classes)))
                x1, y1 = int(rng.integers(width // 2)), int(rng.integers(height // 2))
                x2 = x1 + int(rng.integers(width // 4, width // 2))
                y2 = y1 + int(rng.integers(height // 4, height // 2))
                image[y1:y2, x1:x2] = [
                    (40 * index) % 256,
                    (255 - 60 * index) % 256,
                    80 * index % 256,
                ]
                mask[y1:y2, x1:x2] = 255
                mask[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] = index + 1
                objects.append((classes[index], (x1 + 1, y1 + 1, x2, y2)))
            Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
            write_annotation(root, name, objects, size)
            if masks:
                write_mask(root, name, mask)
        if names:
            for part in ("Main", "Segmentation") if masks else ("Main",):
                (root / "ImageSets" / part / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root


def write_annotation(
    root: Path, name: str, objects: list[Object], size: tuple[int, int] = (64, 48)
) -> Path:
    """Write one annotation file."""
    inner = "".join(
        f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>{box[0]}</xmin>"
        f"<ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for label, box in objects
    )
    path = root / "Annotations" / f"{name}.xml"
    path.write_text(
        f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth>"
        f"</size>{inner}</annotation>"
    )
    return path


def write_mask(root: Path, name: str, mask: np.ndarray) -> Path:
    """Write one mask as a palette PNG."""
    paletted = Image.fromarray(mask)
    paletted.putpalette([int(value) for value in np.arange(768) * 7 % 256])
    path = root / "SegmentationClass" / f"{name}.png"
    paletted.save(path)
    return path
