"""Keypoints as COCO's files give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Target
from mtl.data.sources.coco_file import CocoFile
from mtl.data.sources.coco_index import Flag
from mtl.data.sources.mirrored_names import mirrored_names
from mtl.errors import BadFile

MIDDLE = 0.5
"""COCO counts pixels, of which a place is the middle."""


def keypoint_target(file: CocoFile) -> Target:
    """What a file's keypoints are called, which a mirror exchanges, and which are joined.

    Those of the categories that have any; without names they are numbered.

    Raises:
        BadFile: two categories name others.
    """
    named = [one for one in file.categories if one.get("keypoints")]
    for one in named:
        if not isinstance(one["keypoints"], list):
            raise BadFile(file.path, f"names the keypoints of {one['name']} in no list")
        if one["keypoints"] != named[0]["keypoints"]:
            raise BadFile(
                file.path, f"names other keypoints for {one['name']} than for {named[0]['name']}"
            )
    if named:
        names = tuple(map(str, named[0]["keypoints"]))
    else:
        row = int((file.arrays["flags"] & Flag.KEYPOINTS > 0).argmax())
        count = len(_numbers(file, row, file.texts([row])[0])) // 3
        names = tuple(f"point{number}" for number in range(count))
    return Target(
        "keypoints", names, mirrored=mirrored_names(names), skeleton=_skeleton(file, named, names)
    )


def posed(file: CocoFile, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(N,): which annotations have keypoints and are no crowds."""
    flags = file.arrays["flags"][rows]
    return np.asarray((flags & Flag.KEYPOINTS > 0) & (flags & Flag.CROWD == 0), np.bool_)


def keypoints_of(
    file: CocoFile, rows: npt.NDArray[np.int64], count: int, scale: tuple[float, float]
) -> npt.NDArray[np.float32]:
    """(N, K, 3) of annotations; unknown where they aren't ``posed``.

    Args:
        file: in which they are.
        rows: of the annotations.
        count: K.
        scale: from the pixels of the file to those that are wanted, along x and y.

    Raises:
        BadFile: one has another number of keypoints, or none that are numbers.
    """
    places = np.flatnonzero(posed(file, rows))
    found = np.zeros((len(rows), count, 3), np.float32)
    for place, said in zip(places.tolist(), file.texts(rows[places].tolist()), strict=True):
        numbers = _numbers(file, int(rows[place]), said)
        if len(numbers) != 3 * count:
            raise file.broken(
                int(rows[place]),
                f"has {len(numbers)} numbers for {count} keypoints instead of {3 * count}",
            )
        found[place] = np.reshape(numbers, (count, 3))
    found[..., :2] = (found[..., :2] + MIDDLE) * scale
    found[found[..., 2] == 0] = 0
    return found


def _numbers(file: CocoFile, row: int, said: Mapping[str, Any]) -> list[float]:
    found = said["keypoints"]
    if not (isinstance(found, list) and all(isinstance(one, int | float) for one in found)):
        raise file.broken(row, "has keypoints that aren't a list of numbers")
    return found


def _skeleton(
    file: CocoFile, named: Sequence[Mapping[str, Any]], names: tuple[str, ...]
) -> list[tuple[str, str]]:
    pairs = named[0].get("skeleton") or [] if named else []
    try:
        return [(names[one - 1], names[other - 1]) for one, other in pairs]
    except (IndexError, TypeError, ValueError):
        raise BadFile(file.path, "has a skeleton that isn't pairs of keypoints, from 1") from None
