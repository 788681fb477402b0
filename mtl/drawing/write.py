"""PNG files, written whole."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtl.files import write_whole


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write an image; a file that is there is replaced in one step.

    Args:
        path: ends with ``.png``; folders are made.
        image: (H, W, 3) RGB or (H, W).
    """
    pixels = image[..., ::-1] if image.ndim == 3 else image
    ok, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not ok:
        raise ValueError(f"can't encode an image of shape {image.shape}")
    write_whole(path, encoded.tobytes())
