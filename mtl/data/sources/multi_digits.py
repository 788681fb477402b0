"""``data=multimnist`` and its kin: two small pictures in one, and a task for each.

As in Sabour et al. (2017) and Sener and Koltun (2018): both lie on a canvas of 36 x 36 pixels, one
at the upper left, the other 6 pixels further right and down; where they overlap the brighter shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, ArraySource, DataSet, Split
from mtl.data.sources.digit_files import SIDE, Digits, read_digits
from mtl.data.sources.hold_out import check_fractions

CANVAS = 36
SHIFT = 6
DIGITS = tuple("0123456789")
FASHION = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
PLACES = ("left", "right")


@dataclass(frozen=True)
class _Set:
    """Where the pictures of one place are from."""

    root: Path
    key: str
    names: tuple[str, ...]


class _MultiDigits(DataSet):
    """Every picture of a set once at the upper left, each with a random one at the lower right.

    ``train`` is made of the published training part less what is held out, ``test`` of the
    published test part; no picture of one is in another. The pairs depend on ``split_seed`` and
    on nothing else. Targets: ``left`` and ``right``, of ten classes each.

    Args:
        left: the set at the upper left.
        right: the set at the lower right.
        image_size: the images stay as they are; resizing to this is the preprocessing's work.
        pairs: how often each picture is at the upper left, each time with another one.
        val_fraction: part of the training pictures that is held out as ``val``, 0 to below 1.
        test_fraction: part held out as ``test``, where the copy has no test part.
        split_seed: decides which ones, and the pairs.

    Raises:
        UserError: a fraction is out of its range.
    """

    def __init__(
        self,
        left: _Set,
        right: _Set,
        *,
        image_size: int,
        pairs: int = 1,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.sets = (left, right)
        self.pairs = pairs
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed

    @property
    def targets(self) -> Mapping[str, Target]:
        """``left`` and ``right``."""
        return {p: Target("label", s.names) for p, s in zip(PLACES, self.sets, strict=True)}

    def prepare(self) -> None:
        """Read the files.

        Raises:
            UserError: the folder holds no such set.
            BadFile: a file can't be read.
        """
        _ = self._digits

    def notes(self) -> Sequence[str]:
        """Where there was no test part."""
        return [
            f"{one.root} has no test part: data.test_fraction={self.fractions['test']:g} of its "
            "pictures are held out as one"
            for one, (_, published) in self._digits.items()
            if not published
        ]

    def split(self, split: Split) -> ArraySource | None:
        """That split, in memory; None where nothing is held out."""
        return self._splits[split]

    @cached_property
    def _digits(self) -> dict[_Set, tuple[dict[Split, Digits], bool]]:
        """Each set's splits, and whether it came with a test part."""
        return {one: self._divided(one) for one in dict.fromkeys(self.sets)}

    def _divided(self, one: _Set) -> tuple[dict[Split, Digits], bool]:
        parts = read_digits(one.root, one.key, one.names)
        images, labels = parts["train"]
        order = np.random.default_rng(self.split_seed).permutation(len(images))
        tested = 0 if "test" in parts else round(len(images) * self.fractions["test"])
        validated = tested + round(len(images) * self.fractions["val"])
        rows = dict(
            zip(SPLITS, (order[validated:], order[tested:validated], order[:tested]), strict=True)
        )
        divided: dict[Split, Digits] = {s: (images[r], labels[r]) for s, r in rows.items()}
        if "test" in parts:
            divided["test"] = parts["test"]
        return divided, "test" in parts

    @cached_property
    def _splits(self) -> dict[Split, ArraySource | None]:
        return {split: self._paired(split) for split in SPLITS}

    def _paired(self, split: Split) -> ArraySource | None:
        first, second = (self._digits[one][0][split] for one in self.sets)
        if not len(first[0]) or not len(second[0]):
            return None
        rng = np.random.default_rng([self.split_seed, SPLITS.index(split)])
        lefts = np.tile(np.arange(len(first[0])), self.pairs)
        rights = np.concatenate(
            [_drawn(rng, len(first[0]), len(second[0])) for _ in range(self.pairs)]
        )
        canvas = np.zeros((len(lefts), CANVAS, CANVAS), np.uint8)
        canvas[:, :SIDE, :SIDE] = first[0][lefts]
        corner = canvas[:, SHIFT : SHIFT + SIDE, SHIFT : SHIFT + SIDE]
        np.maximum(corner, second[0][rights], out=corner)
        images = np.broadcast_to(canvas[..., None], (*canvas.shape, 3))
        columns = {"left": first[1][lefts], "right": second[1][rights]}
        ids = [f"{split}/{i}" for i in range(len(lefts))]
        return ArraySource(images, ids, columns, self.targets)


def _drawn(rng: np.random.Generator, count: int, total: int) -> npt.NDArray[np.int64]:
    """As many numbers below ``total``, each as often as the others as far as that goes."""
    rounds = [rng.permutation(total) for _ in range(-(-count // total))]
    return np.concatenate(rounds)[:count]


def _mnist(root: str) -> _Set:
    return _Set(Path(root), "data.root", DIGITS)


class MultiMnist(_MultiDigits):
    """Two digits. See ``_MultiDigits`` for the other arguments.

    Args:
        root: folder of MNIST, or of a set like it; see ``digit_files``.
    """

    def __init__(self, *, root: str, **rest: Any) -> None:
        super().__init__(_mnist(root), _mnist(root), **rest)


class MultiFashion(_MultiDigits):
    """Two pieces of Fashion-MNIST (Xiao et al., 2017), as Lin et al. (2019) pair them.

    Args:
        root: folder of Fashion-MNIST.
    """

    def __init__(self, *, root: str, **rest: Any) -> None:
        one = _Set(Path(root), "data.root", FASHION)
        super().__init__(one, one, **rest)


class MultiMnistFashion(_MultiDigits):
    """A digit at the upper left, a piece of Fashion-MNIST at the lower right.

    Args:
        root: folder of MNIST.
        root_fashion: folder of Fashion-MNIST.
    """

    def __init__(self, *, root: str, root_fashion: str, **rest: Any) -> None:
        fashion = _Set(Path(root_fashion), "data.root_fashion", FASHION)
        super().__init__(_mnist(root), fashion, **rest)
