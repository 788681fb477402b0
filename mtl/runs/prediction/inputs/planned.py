"""All that is to be decided on, in order, each being read on some thread."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import NoReturn

from mtl.errors import BadFile
from mtl.runs.prediction.inputs.names import is_video
from mtl.runs.prediction.inputs.shot import Preparation, Shot, VideoEnd
from mtl.runs.prediction.inputs.video import Video

Item = Callable[[], Shot | VideoEnd]
"""Waits for what was read, and raises ``BadFile`` where it couldn't be."""
Weighed = tuple[Item, int, int]
"""With the number of its parts, and of the pixels that are held until it is written."""


def planned(paths: Iterable[Path], preparation: Preparation, pool: Executor) -> Iterator[Weighed]:
    """The images and frames of files.

    Args:
        paths: of images and videos.
        preparation: makes shots of them.
        pool: where it does so.
    """
    for path in paths:
        if is_video(path):
            yield from _video(path, preparation, pool)
        else:
            yield _image(path, preparation, pool)


def _image(path: Path, preparation: Preparation, pool: Executor) -> Weighed:
    try:
        parts, pixels = preparation.size(path)
    except BadFile as error:
        return _broken(error), 0, 0
    return pool.submit(preparation.image, path).result, parts, pixels


def _video(path: Path, preparation: Preparation, pool: Executor) -> Iterator[Weighed]:
    try:
        video, number = Video(path), -1
        fps, announced = video.fps, video.announced
        for number, pixels in enumerate(video.frames()):
            height, width = pixels.shape[:2]
            shot = pool.submit(preparation.frame, path, pixels, number, fps)
            parts = len(preparation.tiles(width, height)) or 1
            yield shot.result, parts, width * height
    except BadFile as error:
        yield _broken(error), 0, 0
        return
    end = VideoEnd(path, number + 1, fps, announced)
    yield lambda: end, 0, 0


def _broken(error: BadFile) -> Item:
    def fail() -> NoReturn:
        raise error

    return fail


def in_batches(items: Iterable[Weighed], most: int, most_pixels: int) -> Iterator[list[Item]]:
    """Group items in order.

    Args:
        items: see ``Weighed``.
        most: parts of a group.
        most_pixels: of a group; a single item may have more, of parts as well.
    """
    group: list[Item] = []
    parts, pixels = 0, 0
    for item, its_parts, its_pixels in items:
        if group and (parts + its_parts > most or pixels + its_pixels > most_pixels):
            yield group
            group, parts, pixels = [], 0, 0
        group.append(item)
        parts += its_parts
        pixels += its_pixels
    if group:
        yield group
