"""Random steps on one sample at a time, by albumentations."""

import math
import os
import random
from collections.abc import Mapping
from dataclasses import replace

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.augmentation.extra import build_transform
from mtl.data.augmentation.geometry import (
    SMALLEST_VISIBILITY,
    carry_boxes,
    turn_boxes,
)
from mtl.data.augmentation.spec import Augmentation
from mtl.data.sample import IGNORE_PIXEL, Boxes, Sample, TargetValue
from mtl.errors import UserError


class SampleAugmenter:
    """The sample engine.

    Args:
        spec: what to do.
        image_size: side in pixels of the square pictures that come in.

    Raises:
        UserError: ``spec.extra`` names a transform or an argument that albumentations lacks.
    """

    def __init__(self, spec: Augmentation, image_size: int) -> None:
        self.spec = spec
        self.image_size = image_size
        self._turns = spec.turns
        self._pipelines = {d: _Pipeline(spec, image_size, d) for _, d in spec.turns}

    def __call__(self, sample: Sample, seed: int, copy: int = 0) -> Sample:
        """Augment a sample; the outcome depends on these arguments alone.

        Args:
            sample: image (S, S, 3) uint8; it is not changed.
            seed: non-negative.
            copy: which of ``spec.angles`` the picture is turned by first.

        Returns:
            A new sample, or the same one where there is nothing to do.

        Raises:
            UserError: an ``extra`` step changes the picture's size or type.
        """
        quarters, degrees = self._turns[copy]
        return self._pipelines[degrees](_turn(sample, quarters), seed)


class _Pipeline:
    """The steps for copies that are turned by so many degrees before the random steps.

    That turn and the random one are one rotation, so the picture is resampled once. The turn comes
    first and the flips last, with the random map between them.
    """

    def __init__(self, spec: Augmentation, image_size: int, degrees: float) -> None:
        self._spec = spec
        self._shape = (image_size, image_size, 3)
        self._affine = _affine(spec, degrees) if spec.moves or degrees else None
        self._hflip = A.HorizontalFlip(p=spec.hflip)
        self._vflip = A.VerticalFlip(p=spec.vflip)
        steps = [self._affine] if self._affine else []
        steps += [flip for flip in (self._hflip, self._vflip) if flip.p]
        if spec.brightness or spec.contrast:
            steps.append(
                A.RandomBrightnessContrast(
                    brightness_limit=spec.brightness, contrast_limit=spec.contrast, p=1
                )
            )
        extra = [build_transform(entry) for entry in spec.extra]
        steps += extra
        self._extra_moves = not all(isinstance(step, A.ImageOnlyTransform) for step in extra)
        visibility = max(spec.min_visibility, SMALLEST_VISIBILITY)
        self._compose = A.Compose(
            steps,
            # Where all maps are known the boxes follow them, which is several times faster.
            bbox_params=A.BboxParams(
                "pascal_voc", min_visibility=visibility, clip=True, filter_invalid_bboxes=True
            )
            if self._extra_moves
            else None,
            is_check_shapes=False,
        )
        self._empty = not steps

    def __call__(self, sample: Sample, seed: int) -> Sample:
        if self._empty:
            return sample
        # One generator for all steps: seeded one by one they would all draw the same numbers, and
        # a picture would never be flipped one way alone.
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        targets = dict(sample.targets)
        masks = {k: v for k, v in targets.items() if isinstance(v, np.ndarray) and v.ndim == 2}
        boxes = {k: v for k, v in targets.items() if isinstance(v, Boxes)}
        data: dict[str, object] = {"image": sample.image}
        if masks:
            data["masks"] = list(masks.values())
        if self._extra_moves:
            data["bboxes"] = _numbered(boxes)
        done = self._compose(**data)
        image = done["image"]
        if image.shape != self._shape or image.dtype != np.uint8:
            raise UserError(
                f"augmentation.extra made {image.shape} {image.dtype} of {self._shape} uint8: "
                "leave out the step that changes size or type"
            )
        if masks:
            targets.update(zip(masks, done["masks"], strict=True))
        if self._extra_moves:
            targets.update(_unnumbered(boxes, done["bboxes"]))
        elif boxes:
            targets.update(self._follow(boxes))
        return replace(sample, image=image, targets=targets)

    def _follow(self, boxes: Mapping[str, Boxes]) -> dict[str, TargetValue]:
        matrix = self._applied_matrix()
        if matrix is None:
            return dict(boxes)
        size = self._shape[:2]
        moved: dict[str, TargetValue] = {}
        for name, value in boxes.items():
            xyxy, keep = carry_boxes(
                torch.tensor(value.xyxy),
                matrix,
                size,
                self._spec.rotated_boxes,
                self._spec.min_visibility,
            )
            kept = keep.numpy()
            moved[name] = Boxes(xyxy.numpy()[kept], value.labels[kept], value.difficult[kept])
        return moved

    def _applied_matrix(self) -> Tensor | None:
        """The map that the last picture went through, (2, 3); None where it stayed in place."""
        params = self._affine.get_applied_params() if self._affine else {}
        flips = [bool(flip.get_applied_params()) for flip in (self._hflip, self._vflip)]
        if not params and not any(flips):
            return None
        matrix = torch.eye(2, 3)
        if params:
            matrix = torch.from_numpy(params["bbox_matrix"][:2]).float()
        for row, flipped in enumerate(flips):
            if flipped:
                matrix[row] *= -1
                matrix[row, 2] += self._shape[1 - row]
        return matrix


def _affine(spec: Augmentation, degrees: float) -> A.Affine:
    shear = math.degrees(math.atan(spec.shear))
    return A.Affine(
        scale=(1 - spec.zoom, 1 + spec.zoom),
        translate_percent=(-spec.shift, spec.shift),
        rotate=(degrees - spec.rotate, degrees + spec.rotate),
        shear=(-shear, shear),
        keep_ratio=True,
        rotate_method=spec.rotated_boxes,
        fill=spec.fill,
        fill_mask=IGNORE_PIXEL,
        p=1,
    )


def _turn(sample: Sample, quarters: int) -> Sample:
    if quarters == 0:
        return sample
    height, width = sample.image.shape[:2]
    targets = dict(sample.targets)
    for name, value in sample.targets.items():
        if isinstance(value, Boxes):
            xyxy = turn_boxes(torch.tensor(value.xyxy), quarters, (height, width))
            targets[name] = replace(value, xyxy=xyxy.numpy())
        elif isinstance(value, np.ndarray) and value.ndim == 2:
            targets[name] = np.ascontiguousarray(np.rot90(value, quarters))
    image = np.ascontiguousarray(np.rot90(sample.image, quarters))
    return replace(sample, image=image, targets=targets)


def _numbered(boxes: Mapping[str, Boxes]) -> npt.NDArray[np.float32]:
    """All boxes below each other, (N, 5), with their row as a column that travels along."""
    together = np.concatenate([b.xyxy for b in boxes.values()] or [np.zeros((0, 4), np.float32)])
    return np.column_stack([together, np.arange(len(together))]).astype(np.float32)


def _unnumbered(
    boxes: Mapping[str, Boxes], moved: npt.NDArray[np.float32]
) -> dict[str, TargetValue]:
    if not len(moved):
        return {name: Boxes.empty() for name in boxes}
    found: dict[str, TargetValue] = {}
    start = 0
    for name, value in boxes.items():
        stop = start + len(value)
        rows = moved[(moved[:, 4] >= start) & (moved[:, 4] < stop)]
        index = rows[:, 4].astype(np.int64) - start
        xyxy = rows[:, :4].astype(np.float32)
        found[name] = Boxes(xyxy, value.labels[index], value.difficult[index])
        start = stop
    return found
