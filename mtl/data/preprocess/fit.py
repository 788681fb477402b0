"""Pixels from an image into the network's picture, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mtl.data.preprocess.base import Frame

Pixels = npt.NDArray[Any]


def into_picture(pixels: Pixels, frame: Frame, side: int, method: int, pad: float) -> Pixels:
    """Resize, and pad to a square.

    Args:
        pixels: (H, W) or (H, W, C).
        frame: where they lie in the picture.
        side: of the picture, pixels.
        method: of interpolation, OpenCV's.
        pad: value beside the image.
    """
    width, height = round(frame.width * frame.scale_x), round(frame.height * frame.scale_y)
    resized = cv2.resize(pixels, (width, height), interpolation=method)
    resized = resized.astype(pixels.dtype, copy=False).reshape(height, width, *pixels.shape[2:])
    if (height, width) == (side, side):
        return resized
    fitted = np.full((side, side, *pixels.shape[2:]), pad, pixels.dtype)
    left, top = int(frame.offset_x), int(frame.offset_y)
    fitted[top : top + height, left : left + width] = resized
    return fitted


def out_of_picture(pixels: Pixels, frame: Frame, method: int, into: Pixels | None = None) -> Pixels:
    """Cut out what shows the image, at the image's size.

    Args:
        pixels: (H, W) or (H, W, C) of the network's picture.
        frame: where the image lies in it.
        method: of interpolation, OpenCV's.
        into: an array of the type and size of what comes out, which it is written to.
    """
    left, top = round(frame.offset_x), round(frame.offset_y)
    width, height = frame.width * frame.scale_x, frame.height * frame.scale_y
    right = max(left + 1, round(frame.offset_x + width))
    bottom = max(top + 1, round(frame.offset_y + height))
    content, size = pixels[top:bottom, left:right], (frame.width, frame.height)
    places = (frame.offset_x, frame.offset_y, width, height)
    pixels_there = (left, top, right - left, bottom - top)
    whole = all(
        math.isclose(place, pixel, rel_tol=1e-5, abs_tol=1e-8)
        for place, pixel in zip(places, pixels_there, strict=True)
    )
    if whole and method == cv2.INTER_LINEAR:
        # The same places, in a fraction of the time, and not rounded to 1/32 of a pixel.
        found = cv2.resize(content, size, into, interpolation=method)
    else:
        # From the centre of an original pixel to the one of a content pixel.
        x = frame.scale_x / 2 + frame.offset_x - left - 0.5
        y = frame.scale_y / 2 + frame.offset_y - top - 0.5
        found = cv2.warpAffine(
            content,
            np.array([[frame.scale_x, 0, x], [0, frame.scale_y, y]]),
            size,
            into,
            flags=method | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return found.reshape(frame.height, frame.width, *pixels.shape[2:])
