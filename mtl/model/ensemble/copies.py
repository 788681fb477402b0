"""``ensemble.tta``: turned and mirrored copies of an image that a network decides on."""

import math
import re
from collections.abc import Sequence

from mtl.errors import UserError
from mtl.model.views.placement import Placement

MIRRORED = re.compile(r"flip(-?\d+(?:\.\d+)?)?")


def copies_of(tta: Sequence[float | str]) -> tuple[Placement, ...]:
    """Where each copy lies in the image.

    Args:
        tta: each an angle in degrees, ``flip``, or ``flip<angle>`` for a picture that was mirrored
            left to right and then turned; none for the image alone.

    Raises:
        UserError: something else, or the same copy twice.
    """
    found: dict[tuple[float, bool], Placement] = {}
    for item in tta:
        angle, flip = _angle(item)
        key = (angle % 360, flip)
        if key in found:
            raise UserError(f"ensemble.tta={_shown(tta)}: {item} is there twice")
        found[key] = Placement.turned(angle, flip)
    return tuple(found.values())


def _angle(item: float | str) -> tuple[float, bool]:
    if isinstance(item, str) and (match := MIRRORED.fullmatch(item)):
        return float(match[1] or 0), True
    if isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item):
        return item, False
    raise UserError(
        f"ensemble.tta: {item} is no copy; allowed: angles in degrees, flip, flip90 (any angle)"
    )


def _shown(tta: Sequence[float | str]) -> str:
    return "[" + ",".join(map(str, tta)) + "]"
