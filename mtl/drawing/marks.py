"""Captions, boxes and masks drawn on copies of images.

Canvases are (H, W, 3) uint8 RGB. Line and letter sizes follow the size of the canvas.
"""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from mtl.drawing.palette import RGB, color
from mtl.files import printable

Canvas = npt.NDArray[np.uint8]
GREY = (128, 128, 128)
"""Of what doesn't count."""


def _scale(canvas: Canvas) -> float:
    return float(np.clip(min(canvas.shape[:2]) / 480, 0.35, 3.0))


def line_width(canvas: Canvas) -> int:
    """Pixels of a line that is to be seen well."""
    return max(1, round(2 * _scale(canvas)))


def _text_size(canvas: Canvas, text: str) -> tuple[int, int, int]:
    """Width and height of the strip that a line is written on, and where its letters stand."""
    size = _scale(canvas)
    # OpenCV ends the process at text that is no valid UTF-8.
    (width, height), base = cv2.getTextSize(
        printable(text), cv2.FONT_HERSHEY_SIMPLEX, 0.55 * size, max(1, round(size))
    )
    return width + 2, height + base + 1, height + 1


def draw_text(canvas: Canvas, text: str, x: int, y: int, background: RGB) -> None:
    """Write on a filled strip whose top left corner is at (x, y), moved inside the canvas.

    Args:
        canvas: is changed.
        text: a line.
        x: pixels.
        y: pixels.
        background: of the strip; letters are black or white, whichever is read better.
    """
    size = _scale(canvas)
    width, height, foot = _text_size(canvas, text)
    x = int(np.clip(x, 0, max(0, canvas.shape[1] - width)))
    y = int(np.clip(y, 0, max(0, canvas.shape[0] - height - 1)))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), background, -1)
    ink = (0, 0, 0) if sum(background) > 382 else (255, 255, 255)
    cv2.putText(
        canvas,
        printable(text),
        (x + 1, y + foot),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.55 * size,
        ink,
        max(1, round(size)),
        cv2.LINE_AA,
    )


def draw_caption(canvas: Canvas, lines: Sequence[str]) -> Canvas:
    """Write lines from the top left corner down; one that is too long goes on in the next."""
    canvas = canvas.copy()
    step = max(8, round(20 * _scale(canvas)))
    rows = [row for line in lines for row in _broken(canvas, line)]
    for number, row in enumerate(rows):
        draw_text(canvas, row, 0, number * step, (32, 32, 32))
    return canvas


def _broken(canvas: Canvas, line: str) -> list[str]:
    """A line as rows that fit, broken between words."""
    rows: list[str] = []
    for word in line.split(" "):
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and _text_size(canvas, longer)[0] <= canvas.shape[1]:
            rows[-1] = longer
        else:
            rows.append(word)
    return rows


def draw_boxes(
    canvas: Canvas,
    xyxy: npt.NDArray[np.float32],
    captions: Sequence[str],
    classes: Sequence[int],
    dashed: Sequence[bool] | None = None,
) -> Canvas:
    """Draw boxes in the colours of their classes.

    Where many small objects lie together a caption is left out that would cover an equal one.

    Args:
        canvas: not changed.
        xyxy: (N, 4) pixels.
        captions: N texts; an empty one leaves just the box.
        classes: N class indices.
        dashed: N flags for boxes that don't count (difficult objects): drawn thin and grey.
    """
    canvas = canvas.copy()
    thickness = line_width(canvas)
    written: dict[str, list[tuple[int, int]]] = {}
    for i, (box, caption, index) in enumerate(zip(xyxy, captions, classes, strict=True)):
        thin = dashed is not None and dashed[i]
        ink = GREY if thin else color(index)
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(
            canvas, (x1, y1), (max(x1, x2 - 1), max(y1, y2 - 1)), ink, 1 if thin else thickness
        )
        if caption:
            height = round(16 * _scale(canvas)) + 2
            y = y1 - height if y1 >= height else y1
            wide, high, _ = _text_size(canvas, caption)
            there = written.setdefault(caption, [])
            if not any(abs(x1 - u) < wide and abs(y - v) < high for u, v in there):
                draw_text(canvas, caption, x1, y, ink)
                there.append((x1, y))
    return canvas


def draw_mask(
    canvas: Canvas, mask: npt.NDArray[np.uint8], ignored: int, opacity: float = 0.45
) -> Canvas:
    """Tint pixels by class; background (0) stays, ignored pixels become whitish.

    Args:
        canvas: (H, W, 3), not changed.
        mask: (H, W) class indices.
        ignored: the value of pixels that say nothing.
        opacity: 0..1.
    """
    mask = np.ascontiguousarray(mask, np.uint8)
    tinted = cv2.applyColorMap(mask, _inks(ignored))
    cv2.addWeighted(canvas, 1 - opacity, tinted, opacity, 0, tinted)
    return np.asarray(cv2.copyTo(canvas, (mask == 0).view(np.uint8), tinted), np.uint8)


@cache
def _inks(ignored: int) -> Canvas:
    """(256, 1, 3): the colour of each value of a mask."""
    table = np.zeros((256, 1, 3), np.uint8)
    table[1:, 0] = [color(index) for index in range(255)]
    table[ignored] = 255
    return table
