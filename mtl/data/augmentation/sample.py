"""Random steps on one sample at a time, by albumentations."""

import math
import os
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtl.data.augmentation.carrying import Carrying
from mtl.data.augmentation.extra import build_transform
from mtl.data.augmentation.geometry import SMALLEST_VISIBILITY
from mtl.data.augmentation.spec import Augmentation
from mtl.data.image_format import USUAL, ImageFormat
from mtl.data.sample import IGNORE_PIXEL, Sample
from mtl.data.target.motion import Motion, Turn
from mtl.errors import UserError

Done = TypeVar("Done")


class SampleAugmenter:
    """The sample engine.

    Args:
        spec: what to do.
        image_size: side in pixels of the square pictures that come in.
        images: what they are.

    Raises:
        UserError: ``spec.extra`` names a transform or an argument that albumentations lacks.
    """

    def __init__(self, spec: Augmentation, image_size: int, images: ImageFormat = USUAL) -> None:
        self.spec = spec
        self.image_size = image_size
        self._turns = spec.turns
        self._pipelines = {d: _Pipeline(spec, image_size, d, images) for _, d in spec.turns}

    def __call__(self, sample: Sample, seed: int, copy: int = 0) -> Sample:
        """Augment a sample; the outcome depends on these arguments alone.

        Args:
            sample: image (S, S, C) as ``images`` says; it is not changed. Says what its targets
                mean.
            seed: non-negative.
            copy: which of ``spec.angles`` the picture is turned by first.

        Returns:
            A new sample, or the same one where there is nothing to do.

        Raises:
            UserError: an ``extra`` step changes the picture's size or type, or can't do such
                pictures.
        """
        quarters, degrees = self._turns[copy]
        return self._pipelines[degrees](_turn(sample, quarters), seed)


class _Pipeline:
    """The steps for copies that are turned by so many degrees before the random steps.

    That turn and the random one are one rotation, so the picture is resampled once. The turn comes
    first and the flips last, with the random map between them.
    """

    def __init__(
        self, spec: Augmentation, image_size: int, degrees: float, images: ImageFormat
    ) -> None:
        self._spec = spec
        self._images = images
        self._shape = (image_size, image_size, images.channels)
        self._type = np.dtype(np.uint8 if images.span is None else np.float32)
        # Albumentations takes floats to lie in 0..1.
        self._divisor = None if images.span is None else np.float32(255)
        fill = spec.fill if self._divisor is None else spec.fill / 255
        self._affine = _affine(spec, degrees, fill) if spec.moves or degrees else None
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
            # Where all maps are known the targets follow them, which is several times faster.
            bbox_params=A.BboxParams(
                "pascal_voc", min_visibility=visibility, clip=True, filter_invalid_bboxes=True
            )
            if self._extra_moves
            else None,
            keypoint_params=A.KeypointParams("xy", remove_invisible=False)
            if self._extra_moves
            else None,
            is_check_shapes=False,
        )
        self._carrying = Carrying(self._compose)
        self._empty = not steps

    def __call__(self, sample: Sample, seed: int) -> Sample:
        if self._empty:
            return sample
        # One generator for all steps: seeded one by one they would all draw the same numbers, and
        # a picture would never be flipped one way alone.
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        image = sample.image if self._divisor is None else sample.image / self._divisor
        if self._extra_moves:
            image, parts = self._done(lambda: self._carrying(image, sample.parts()))
            return replace(sample, image=self._checked(image)).with_parts(parts)
        moved = self._done(lambda: self._compose(image=image)["image"])
        done = replace(sample, image=self._checked(moved))
        motion = self._motion()
        if motion is None:
            return done
        return done.moved(motion)

    def _done(self, steps: Callable[[], Done]) -> Done:
        if self._images.usual:
            return steps()
        try:
            return steps()
        except (ValueError, TypeError, IndexError, RuntimeError, cv2.error) as error:
            raise UserError(
                f"an augmentation can't do images with {self._images.in_words}: leave it out of "
                f"augmentation.extra ({error!s:.150})"
            ) from error

    def _checked(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if image.shape != self._shape or image.dtype != self._type:
            raise UserError(
                f"augmentation.extra made {image.shape} {image.dtype} of {self._shape} "
                f"{self._type}: leave out the step that changes size or type"
            )
        return image if self._divisor is None else image * self._divisor

    def _motion(self) -> Motion | None:
        """The map that the last picture went through; None where it stayed in place."""
        params = self._affine.get_applied_params() if self._affine else {}
        flips = [bool(flip.get_applied_params()) for flip in (self._hflip, self._vflip)]
        if not params and not any(flips):
            return None
        matrix = torch.eye(2, 3, dtype=torch.float64)
        if params:
            matrix = torch.tensor(params["bbox_matrix"][:2], dtype=torch.float64)
        for row, flipped in enumerate(flips):
            if flipped:
                matrix[row] *= -1
                matrix[row, 2] += self._shape[1 - row]
        size = self._shape[:2]
        return Motion(matrix[None], size, self._spec, torch.tensor([flips]), bool(params))


def _affine(spec: Augmentation, degrees: float, fill: float) -> A.Affine:
    shear = math.degrees(math.atan(spec.shear))
    return A.Affine(
        scale=(1 - spec.zoom, 1 + spec.zoom),
        translate_percent=(-spec.shift, spec.shift),
        rotate=(degrees - spec.rotate, degrees + spec.rotate),
        shear=(-shear, shear),
        keep_ratio=True,
        rotate_method=spec.rotated_boxes,
        fill=fill,
        fill_mask=IGNORE_PIXEL,
        p=1,
    )


def _turn(sample: Sample, quarters: int) -> Sample:
    if quarters == 0:
        return sample
    turn = Turn.alone(quarters, sample.image.shape[:2])
    image = np.ascontiguousarray(np.rot90(sample.image, quarters))
    turned = sample.with_targets(lambda kind, value: kind.turned_alone(value, turn))
    return replace(turned, image=image)
