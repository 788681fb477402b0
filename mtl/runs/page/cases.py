"""Test images with what is true of them and what the runs decided: a part of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class CaseBox:
    """A box on a picture, in shares of it.

    Args:
        place: of the row that decided so; None for the truth.
        x: of its left edge.
        y: of its upper edge.
        width: likewise.
        height: likewise.
    """

    place: int | None
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class CasePicture:
    """A small picture.

    Args:
        address: a data URI.
        width: pixels.
        height: pixels.
        boxes: on it, the truth last, so that it lies above the others.
    """

    address: str
    width: int
    height: int
    boxes: Sequence[CaseBox]


@dataclass(frozen=True)
class CaseCell:
    """What a row decided on an image.

    Args:
        words: such as the class; empty where it isn't told in words.
        quality: 1 is right and 0 is wrong.
    """

    words: str
    quality: float


@dataclass(frozen=True)
class Case:
    """One image.

    Args:
        name: of its file, or its id.
        truth: in words; empty where it isn't told in words.
        picture: None where the image can't be read.
        cells: one for each column.
    """

    name: str
    truth: str
    picture: CasePicture | None
    cells: Sequence[CaseCell]


@dataclass(frozen=True)
class CaseTable:
    """A line for each image.

    Args:
        caption: what it shows.
        places: of the rows that are its columns.
        cases: from top to bottom.
    """

    kind: ClassVar = "cases"
    caption: str
    places: Sequence[int]
    cases: Sequence[Case]
