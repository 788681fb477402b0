"""What the built-in data sets have in common: images made from a seed, kept in memory."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from mtl.data.sources.base import SPLITS, ArraySource, DataSet, Split
from mtl.data.target.base import Column
from mtl.errors import UserError

SMALLEST_IMAGE: Final = 32
MOST_OBJECTS: Final = 8
Made = TypeVar("Made")
"""What is known of an image beside its pixels."""


class Generated(DataSet, Generic[Made]):
    """Images with one to eight things each.

    Image i of a split depends on the seed, the split and i alone: more images leave the first ones
    as they were, and splits never share one.

    Args:
        image_size: side of the square images in pixels, 32 or more; the things grow with it.
        seed: 0 or more.
        train: number of training images.
        val: number of validation images.
        test: number of test images.
        min_objects: fewest things in an image, 1 to 8.
        max_objects: most of them, ``min_objects`` to 8.

    Raises:
        UserError: an argument is out of its range.
    """

    def __init__(
        self,
        image_size: int = 64,
        seed: int = 0,
        train: int = 2000,
        val: int = 400,
        test: int = 400,
        min_objects: int = 1,
        max_objects: int = 4,
    ) -> None:
        _check("image_size", image_size, SMALLEST_IMAGE)
        _check("data.seed", seed, 0)
        for name, count in (("train", train), ("val", val), ("test", test)):
            _check(f"data.{name}", count, 1)
        _check("data.max_objects", max_objects, 1, MOST_OBJECTS)
        _check("data.min_objects", min_objects, 1, max_objects, "data.max_objects")
        self.image_size = image_size
        self.seed = seed
        self.counts: Mapping[Split, int] = {"train": train, "val": val, "test": test}
        self.objects = (min_objects, max_objects)
        self._splits: dict[Split, ArraySource] = {}

    @abstractmethod
    def make(self, rng: np.random.Generator) -> tuple[Made, npt.NDArray[np.uint8]]:
        """One image, (image_size, image_size, 3) uint8 RGB, and what is known of it.

        Args:
            rng: the image's own stream.
        """

    @abstractmethod
    def values(self, made: Made) -> Mapping[str, Any]:
        """All targets of one image."""

    def split(self, split: Split) -> ArraySource:
        """The images of that split, made when first asked for and kept in memory."""
        if split not in self._splits:
            self._splits[split] = self._make_all(split)
        return self._splits[split]

    def image(
        self, split: Split, sample: str, size: int | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """Made again without the others; ``size`` changes nothing."""
        name, _, number = sample.partition("/")
        known = name == split and number.isdecimal() and int(number) < self.counts[split]
        return self.make(self._stream(split, int(number)))[1] if known else None

    def _make_all(self, split: Split) -> ArraySource:
        count, side = self.counts[split], self.image_size
        images = np.empty((count, side, side, 3), np.uint8)
        found: dict[str, Any] = {}
        for i in range(count):
            made, images[i] = self.make(self._stream(split, i))
            for name, value in self.values(made).items():
                if i == 0:
                    found[name] = _column(value, count)
                found[name][i] = value
        ids = [f"{split}/{i}" for i in range(count)]
        columns: dict[str, Column] = found
        return ArraySource(images, ids, columns, self.targets)

    def _stream(self, split: Split, number: int) -> np.random.Generator:
        seeds = [self.seed, SPLITS.index(split), number]
        return np.random.default_rng(np.random.SeedSequence(seeds))


def _column(first: Any, count: int) -> Any:
    """Room for as many values as the first; one array where they are of one shape."""
    if isinstance(first, int):
        return np.empty(count, np.int64)
    if isinstance(first, np.ndarray):
        return np.empty((count, *first.shape), first.dtype)
    return [None] * count


def _check(
    name: str, value: object, least: int, most: int | None = None, most_name: str = ""
) -> None:
    """Refuse what is no whole number from ``least`` to ``most``."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and least <= value and (most is None or value <= most):  # type: ignore[operator]
        return
    allowed = f"{least} or more" if most is None else f"{least} to {most}"
    if most_name:
        allowed += f" ({most_name})"
    raise UserError(f"{name}={value} is out of range: give a whole number, {allowed}")
