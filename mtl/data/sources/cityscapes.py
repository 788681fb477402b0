"""``data=cityscapes``: street scenes with classes and inverse depth (Cordts et al., 2016)."""

from functools import partial

from mtl.data.sample import Target
from mtl.data.sources.dense_arrays import ArrayFolder, DenseArrays, classes_of, depth_of

CLASSES = {
    7: ("flat", "construction", "object", "nature", "sky", "human", "vehicle"),
    19: (
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
        "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
        "motorcycle", "bicycle",
    ),
}  # fmt: skip


class Cityscapes(DenseArrays):
    """2,975 + 500 pictures of 256 x 128 pixels: ``mask``, and ``depth``, which is inverse.

    Args:
        root: the folder that holds ``train`` and ``val``; see ``DenseArrays``.
        image_size: not needed.
        classes: 7 (folder ``label_7``) or 19 (``label_19``).
        val_fraction: see ``DenseArrays``.
        split_seed: see ``DenseArrays``.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        classes: int = 7,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        del image_size
        names = CLASSES[classes]
        layers = {
            "mask": ArrayFolder(
                f"label_{classes}", Target("mask", names), partial(classes_of, count=len(names))
            ),
            "depth": ArrayFolder("depth", Target("depth"), depth_of),
        }
        super().__init__(root, layers, val_fraction, split_seed, key=f"{classes}")
