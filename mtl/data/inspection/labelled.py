"""Whether the samples of a split are labelled at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from mtl.data.batch import Broken
from mtl.data.sample import IGNORE_PIXEL, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile, UserError


def unlabelled(source: Source, names: Iterable[str]) -> tuple[list[str], list[Broken]]:
    """The targets among ``names`` that no sample of a split has, and the broken samples met.

    Samples are looked at in a spread order until each target was seen; broken ones don't count. A
    source that can't tell without reading images is taken to be labelled.

    Args:
        source: the split.
        names: of targets.
    """
    missing = dict.fromkeys(names)
    if isinstance(source, ArraySource):
        return [name for name in missing if not _any_value(source, name)], []
    if type(source).annotations is Source.annotations:
        return [], []
    broken = []
    for index in np.random.default_rng(0).permutation(len(source)).tolist():
        if not missing:
            break
        try:
            found = source.annotations(index)
        except BadFile as error:
            broken.append(Broken(source.id(index), str(error)))
            continue
        for name in found:
            missing.pop(name, None)
    return list(missing), broken


def check_masks(source: Source, targets: Mapping[str, Target]) -> list[str]:
    """Look whether masks show any class.

    Args:
        source: the training split.
        targets: those that tasks learn from.

    Returns:
        What there is to say of masks that show the background alone.

    Raises:
        UserError: masks hold only 0 and 255, as those that are meant to be black and white do.
    """
    said = []
    for name, target in targets.items():
        if target.kind != "mask" or isinstance(source, ArraySource):
            continue
        pixels = _pixels(source, name)
        if pixels is None or pixels[1:IGNORE_PIXEL].any():
            continue
        classes = ", ".join(target.classes[1:])
        if pixels[IGNORE_PIXEL]:
            share = 100 * pixels[IGNORE_PIXEL] / pixels.sum()
            raise UserError(
                f"the masks of {name} hold only 0 and 255, and 255 means ignored: {share:.0f} % of "
                f"the pixels would be left out and {classes} is in no mask; write class indices "
                "from 1 into the masks, or set data.masks=binary where 255 is the one class"
            )
        said.append(f"the masks of {name} show nothing but background: {classes} is in no mask")
    return said


def _any_value(source: ArraySource, name: str) -> bool:
    column = source.targets.get(name)
    if isinstance(column, np.ndarray):
        return bool((column >= 0).any()) if column.ndim == 1 else len(column) > 0
    return column is not None and any(value is not None for value in column)


def _pixels(source: Source, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """Number of pixels by value over the masks, up to the first one that shows a class."""
    if type(source).annotations is Source.annotations:
        return None
    total = np.zeros(256, np.int64)
    for index in np.random.default_rng(0).permutation(len(source)).tolist():
        try:
            mask = source.annotations(index).get(name)
        except BadFile:
            continue
        if mask is not None:
            total += np.bincount(np.asarray(mask, np.uint8).ravel(), minlength=256)
            if total[1:IGNORE_PIXEL].any():
                break
    return total
