"""What the cells of a column come to: arrays, a number or a few for each row."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.config.nearest import unknown
from mtl.data.sources.folder_files import composed

Array = npt.NDArray[Any]
LARGEST = float(np.finfo(np.float32).max)
UNKNOWN = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""Cells of numbers that say nothing, in lower case."""
BLANK = frozenset({"", "nan"})
"""Those of other columns: somebody's class may be called none."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""One mark, that may part thousands."""


class ColumnCells(ABC):
    """One column, cell by cell."""

    @abstractmethod
    def add(self, cell: str) -> None:
        """The next row's.

        Raises:
            ValueError: it says something that can't be; begins with a verb.
        """

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """What it comes to, by name.

        Raises:
            ValueError: the cells together say something that can't be; begins with a verb.
        """


class TextCells(ColumnCells):
    """``bytes`` of all in UTF-8, and ``ends`` (n,) behind each one's last."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.ends = array("q")

    def add(self, cell: str) -> None:
        """Its text; a blank one is of no length."""
        if cell.lower() not in BLANK:
            self.bytes += cell.encode("utf-8", "surrogatepass")
        self.ends.append(len(self.bytes))

    def arrays(self) -> dict[str, Array]:
        """See the class."""
        return {"bytes": np.frombuffer(self.bytes, np.uint8), "ends": np.array(self.ends)}


class NumberCells(ColumnCells):
    """``values`` (n,) float32, NaN where unknown.

    A comma, or a point beside commas, may part thousands as well as decimals: ``1,200``. Only where
    another cell of the column shows which it is can such a cell be read.
    """

    def __init__(self) -> None:
        self.values = array("f")
        self._decimals: set[str] = set()
        self._doubtful: dict[str, str] = {}

    def add(self, cell: str) -> None:
        """A number, with a point or a comma before its decimals."""
        try:
            number = float(cell)
        except ValueError:
            number = self._otherwise(cell)
        else:
            if "." in cell:
                self._mark(".", cell)
        if abs(number) > LARGEST:
            raise ValueError(f"is {cell!r}, too large a number")
        self.values.append(number)

    def _otherwise(self, cell: str) -> float:
        if cell.lower() in UNKNOWN:
            return float("nan")
        if re.fullmatch(r"[+-]?\d+,\d+", cell):
            self._mark(",", cell)
            return float(cell.replace(",", "."))
        raise ValueError(f"is {cell!r}, no number; an empty cell is unknown")

    def _mark(self, mark: str, cell: str) -> None:
        if mark in self._decimals:
            return
        if _THOUSANDS.fullmatch(cell):
            self._doubtful.setdefault(mark, cell)
        else:
            self._decimals.add(mark)

    def arrays(self) -> dict[str, Array]:
        """See the class."""
        commas = "," in self._decimals or "," in self._doubtful
        for mark, cell in self._doubtful.items():
            if commas and mark not in self._decimals:
                whole, decimal = cell.replace(mark, ""), cell.replace(mark, ".")
                raise ValueError(f"has {cell!r}, which may mean {whole} or {decimal}: write that")
        return {"values": np.array(self.values)}


class NameCells(ColumnCells):
    """``codes`` (n,) int32 of ``names``, -1 where blank.

    Args:
        known: the names in their order; None for those found, sorted.
    """

    def __init__(self, known: Sequence[str] | None = None) -> None:
        self.known = known
        self.number = {composed(name): index for index, name in enumerate(known or ())}
        self.codes = array("i")

    def add(self, cell: str) -> None:
        """Its name."""
        self.codes.append(-1 if cell.lower() in BLANK else self.code(cell))

    def code(self, name: str) -> int:
        """The number of a name, whichever way its accents are written."""
        found = self.number.get(name)
        if found is None:
            name = composed(name)
            found = self.number.get(name)
        if found is None:
            if self.known is not None:
                raise ValueError(f"names {unknown('class', name, self.known)}")
            found = self.number[name] = len(self.number)
        return found

    @property
    def names(self) -> list[str]:
        """In the order of ``arrays``'s codes."""
        return list(self.number) if self.known is not None else sorted(self.number, key=_natural)

    def arrays(self) -> dict[str, Array]:
        """See the class."""
        for name in self.number:
            whole, _, rest = name.partition(".")
            if rest and not rest.strip("0") and whole in self.number:
                raise ValueError(f"has {whole!r} and {name!r}, one number: write it alike")
        return {"codes": self._in_order(np.array(self.codes, np.int32))}

    def _in_order(self, codes: Array) -> Array:
        place = {name: index for index, name in enumerate(self.names)}
        table = np.array([*(place[name] for name in self.number), -1], np.int32)
        return np.asarray(table[codes], np.int32)


class ListCells(NameCells):
    """``codes`` of all names of all rows, ``ends`` (n,) behind each row's, ``known`` (n,) bool.

    A blank cell says nothing; one that holds nothing but the separator says that there is none.

    Args:
        known: see ``NameCells``.
        within: the separator.
    """

    def __init__(self, known: Sequence[str] | None, within: str) -> None:
        super().__init__(known)
        self.within = within
        self.ends = array("q")
        self.told = array("b")
        self._parted = False

    def add(self, cell: str) -> None:
        """Its names."""
        self.told.append(cell.lower() not in BLANK)
        if self.told[-1]:
            parts = [part.strip() for part in cell.split(self.within)]
            self._parted |= len(parts) > 1
            self.codes.extend(self.code(part) for part in parts if part)
        self.ends.append(len(self.codes))

    @property
    def doubt(self) -> str | None:
        """What to say where no cell has the separator, and names look as if another parted them."""
        if self._parted:
            return None
        odd = next((name for name in self.number if re.search("[,;|]", name)), None)
        if odd is None:
            return None
        return f"no cell has data.separator={self.within!r}, so that {odd!r} is one name"

    def arrays(self) -> dict[str, Array]:
        """See the class."""
        return {
            **super().arrays(),
            "ends": np.array(self.ends),
            "known": np.array(self.told, np.bool_),
        }


def text_at(arrays: Mapping[str, Array], column: str, row: int) -> str:
    """One of ``TextCells``."""
    ends = arrays[f"{column}.ends"]
    start = int(ends[row - 1]) if row else 0
    return bytes(arrays[f"{column}.bytes"][start : int(ends[row])]).decode("utf-8", "surrogatepass")


def list_at(arrays: Mapping[str, Array], column: str, row: int) -> Array | None:
    """The codes of one of ``ListCells``; None where the cell is blank."""
    if not arrays[f"{column}.known"][row]:
        return None
    ends = arrays[f"{column}.ends"]
    start = int(ends[row - 1]) if row else 0
    found: Array = arrays[f"{column}.codes"][start : int(ends[row])]
    return found


def _natural(name: str) -> tuple[int, float, str]:
    """Whole numbers in their order, before names."""
    return (0, int(name), "") if re.fullmatch(r"-?\d{1,15}", name) else (1, 0, name)
