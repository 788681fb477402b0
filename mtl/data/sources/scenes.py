"""``data=scenes``: solids on a textured ground under a lamp, with all that geometry tells."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Target
from mtl.data.sources import scenes_truth as truth
from mtl.data.sources.generated import Generated
from mtl.data.sources.objects import pose_target
from mtl.data.sources.scenes_draw import draw
from mtl.data.sources.scenes_layout import Scene, arrange
from mtl.data.sources.scenes_solids import SOLIDS

CLASSES = tuple(SOLIDS)


class Scenes(Generated[Scene]):
    """Images of one to eight spheres, boxes, cylinders and cones on the ground.

    Targets: ``label``, the class of the main solid, whose visible area is at least 1.4 times that
    of any other; ``labels``, the classes present; ``boxes``, tight around each solid's visible
    pixels, and ``instances``, with these; ``mask``, 0 for ground and sky and class + 1 for solids;
    ``depth``, known up to 10 m; ``normals``, unknown in the sky; ``keypoints`` of the main solid,
    and ``poses``, the boxes with those of every solid; ``numbers``: how high the camera stands and
    how far it looks down, and how high the lamp is. At least 60 % of each solid is seen. Colours
    and textures are drawn alike for all classes. See ``Generated`` for the arguments.
    """

    @property
    def targets(self) -> Mapping[str, Target]:
        """What geometry tells; the mask's classes begin with the background."""
        points = Target("keypoints", truth.KEYPOINTS, skeleton=list(pairwise(truth.KEYPOINTS)))
        return {
            "label": Target("label", CLASSES),
            "labels": Target("labels", CLASSES),
            "boxes": Target("boxes", CLASSES),
            "instances": Target("instances", CLASSES),
            "mask": Target("mask", ("background", *CLASSES)),
            "depth": Target("depth"),
            "normals": Target("normals"),
            "keypoints": points,
            "poses": pose_target(points, CLASSES),
            "numbers": Target("numbers", tuple(truth.NUMBERS), units=tuple(truth.NUMBERS.values())),
        }

    def make(self, rng: np.random.Generator) -> tuple[Scene, npt.NDArray[np.uint8]]:
        """One image and its scene."""
        scene = arrange(rng, self.image_size, self.objects)
        return scene, draw(rng, scene)

    def values(self, made: Scene) -> Mapping[str, Any]:
        """All targets."""
        return {
            "label": made.placed[0].shape,
            "labels": truth.labels(made),
            "boxes": truth.boxes(made),
            "instances": truth.instances(made),
            "mask": truth.mask(made),
            "depth": truth.depth(made),
            "normals": truth.normals(made),
            "keypoints": truth.keypoints(made),
            "poses": truth.poses(made),
            "numbers": truth.numbers(made),
        }
