"""What a target can be, and all that depends on it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.config.kinds import KINDS
from mtl.data.batch import BatchValue, Labelled
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts
from mtl.errors import UserError
from mtl.files import write_whole
from mtl.words import counted

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.data.tile import Tile
    from mtl.drawing.marks import Canvas

Array = npt.NDArray[Any]
Same = TypeVar("Same")
Column = Array | Sequence[Any]
"""One target of all samples of an ArraySource."""
_NAMES = {path: name for name, path in KINDS.items()}


class TargetKind:
    """One kind of target; it has no state, and two of one class are equal.

    As it stands it serves an array of one shape that has no place in the picture, such as a vector
    of numbers: a subclass says ``dtype`` and ``unknown``, and perhaps what the numbers are called
    in reports. ``PixelMap`` serves arrays as large as the picture.
    """

    dtype: ClassVar[type[np.generic]] = np.float32
    """Of a value's entries."""
    unknown: ClassVar[float] = np.nan
    """The entry that neither loss nor metric looks at. In a column of an ArraySource a row of
    nothing else means that the sample lacks the target."""
    placed: ClassVar[bool] = False
    """Whether a value says where in the picture something is."""
    objects: ClassVar[bool] = False
    """Whether a value is a list of objects, each of some extent."""
    exclusive: ClassVar[bool] = False
    """Whether a sample has exactly one of the classes."""
    covers: ClassVar[bool] = False
    """Whether what is drawn leaves nothing of the picture to be seen, and gets a picture of its own
    where there is more to draw."""
    layer: ClassVar[int] = 1
    """Kinds with a smaller number are drawn first."""
    counted: ClassVar[str] = "known values"
    """What ``inspect`` counts, by class."""
    uncounted: ClassVar[str | None] = "unknown values"
    """What it leaves out, or None where there is no such thing."""
    per_sample: ClassVar[bool] = True
    """Whether shares are of the samples, not of all that was counted."""
    shares_alone: ClassVar[bool] = False
    """Whether the numbers are too large to be read beside their shares."""
    joins_tiles: ClassVar[bool] = False
    """Whether ``from_tiles`` can put values together."""

    @property
    def name(self) -> str:
        """As yaml files and checkpoints name it: ``label``, or the path of a user's own class."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return _NAMES.get(path, path)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<kind {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TargetKind) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    # A value

    def exact(self, value: Any) -> Any:
        """A value as it has to be, in the kind's own type.

        Raises:
            ValueError: it can't be without being changed.
        """
        return self._in_dtype(value)

    def _in_dtype(self, value: Any) -> Array:
        given = np.asarray(value)
        if given.dtype == self.dtype:
            return given
        if given.dtype.kind not in "biuf":
            raise ValueError(f"{type(value).__name__} is given instead of {self.dtype.__name__}")
        with np.errstate(invalid="ignore"):
            changed = given.astype(self.dtype)
        floats = (np.issubdtype(kind, np.floating) for kind in (given.dtype, self.dtype))
        if not all(floats) and not np.array_equal(given, changed):
            lost = given[np.asarray(given != changed)].ravel()[0]
            raise ValueError(f"{lost} is not to be had in {changed.dtype}")
        return changed

    def misfit(self, value: Any, target: Target) -> str | None:
        """What is wrong with an exact value of a target, or None; here, another number of names."""
        if value.shape == (len(target.classes),):
            return None
        names = counted(len(target.classes), "value")
        return f"is of shape {value.shape}, but the target names {names}"

    def is_unknown(self, values: Array) -> npt.NDArray[np.bool_]:
        """Which entries say nothing."""
        found = np.isnan(values) if np.isnan(self.unknown) else values == self.unknown
        return np.asarray(found, np.bool_)

    def extents(self, value: Any) -> npt.NDArray[np.float32]:
        """(N, 2) widths and heights of the objects, pixels; here there are none."""
        return np.zeros((0, 2), np.float32)

    def doubts(self, name: str, target: Target, values: Iterable[Any]) -> str | None:
        """What there is to say of values that can't be meant as they are.

        Args:
            name: of the target.
            target: its classes.
            values: those of the training samples, in a spread order; the fewer are looked at, the
                sooner training begins.

        Raises:
            UserError: nothing could be learned from them.
        """
        return None

    # Columns of an ArraySource

    def column(self, values: Sequence[Any]) -> Column:
        """A column of values; None where a sample lacks the target."""
        known = [np.asarray(value) for value in values if value is not None]
        blank = np.full(known[0].shape if known else (), self.unknown, self.dtype)
        return np.stack([blank if v is None else self._in_dtype(v) for v in values])

    def as_column(self, column: Column) -> Column:
        """A column as it has to be; see ``exact``.

        Raises:
            ValueError: its values can't be kept as they are.
        """
        return self._in_dtype(column)

    def take(self, column: Column, rows: Any) -> Column:
        """Some rows, by their numbers."""
        taken: Column = column[rows]
        return taken

    def has(self, column: Column) -> npt.NDArray[np.bool_]:
        """(N,): which samples have the target."""
        rows = np.asarray(column).reshape(len(column), -1)
        found = np.array(~self.is_unknown(rows[:, :1]).all(1), np.bool_)
        # Mostly the first entry tells.
        found[~found] = ~self.is_unknown(rows[~found]).all(1)
        return found

    def value_at(self, column: Column, row: int) -> Any:
        """A sample's value, or None where it lacks the target."""
        one = self.take(column, slice(row, row + 1))
        return self.exact(one[0]) if self.has(one)[0] else None

    def strata(self, column: Column) -> list[Any] | None:
        """A value per sample over which a choice of samples is to be spread, or None."""
        return None

    # Batches

    def collate(self, values: Sequence[Any]) -> Tensor | BatchValue:
        """The values of n samples put together, n at least 1."""
        return torch.from_numpy(np.stack([self.exact(value) for value in values]))

    def cut(self, column: Column) -> Tensor | BatchValue:
        """``collate`` of a column whose rows all have the target."""
        return torch.from_numpy(np.ascontiguousarray(column))

    def separate(self, value: Any, place: int) -> Any:
        """One sample's value out of what ``collate`` made."""
        return self.exact(value[place].cpu().numpy())

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """What labels say of whole images, as numbers that may be compared with other numbers.

        Args:
            value: of n samples, as ``collate`` or a head's ``labels`` gives it.
            target: its classes.

        Returns:
            (n, M) float32, NaN where unknown; here all entries of each value.
        """
        assert isinstance(value, Tensor)
        flat = value.reshape(len(value), -1)
        unknown = flat.isnan() if np.isnan(self.unknown) else flat == self.unknown
        return flat.float().masked_fill(unknown, torch.nan)

    # Preprocessing and the way back

    def resized(self, value: Any, frame: Frame, side: int) -> Any:
        """The value after its image was brought into the network's picture.

        Args:
            value: in the pixels of the image as it was read.
            frame: where the image lies in the picture.
            side: of the square picture, pixels.
        """
        return self._untouched(value)

    def to_original(self, value: Any, frame: Frame) -> Any:
        """A value in the network's picture to one in the original image."""
        return self._untouched(value)

    def from_tiles(self, values: Sequence[Any], tiles: Sequence[Tile]) -> Any:
        """Values in the pixels of overlapping tiles to the one of the image they were cut from.

        Args:
            values: one for each tile.
            tiles: that together are the image.

        Raises:
            UserError: the kind has no such thing.
        """
        raise UserError(f"values of kind {self} on tiles can't be put together")

    # Augmentation

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """A batch's values after exact quarter turns of some of its pictures."""
        return self._untouched(labelled)

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """A batch's values after an affine map of each picture."""
        return self._untouched(labelled)

    def turned_alone(self, value: Any, turn: Turn) -> Any:
        """``turned`` of a single sample's value."""
        return self._alone(value, lambda labelled: self.turned(labelled, turn))

    def moved_alone(self, value: Any, motion: Motion) -> Any:
        """``moved`` of a single sample's value."""
        return self._alone(value, lambda labelled: self.moved(labelled, motion))

    def _alone(self, value: Any, change: Callable[[Labelled], Labelled]) -> Any:
        if not self.placed:
            return value
        index = torch.zeros(1, dtype=torch.int64)
        return self.separate(change(Labelled(index, self.collate([value]))).value, 0)

    def parts(self, value: Any) -> PlacedParts:
        """What ``augmentation.extra`` has to move; a kind without any goes through untouched.

        Raises:
            UserError: the kind can't follow moves that nobody knows.
        """
        if self.placed:
            raise UserError(
                f"augmentation.extra moves the picture, and targets of kind {self} can't follow; "
                "leave such steps out"
            )
        return PlacedParts()

    def from_parts(self, value: Any, parts: PlacedParts) -> Any:
        """The value with what became of its parts."""
        return value

    def _untouched(self, value: Same) -> Same:
        if self.placed:
            raise UserError(
                f"kind {self} has a place and doesn't say how it is moved; its class needs the "
                "methods of mtl.TargetKind that move it, or augmentation=none"
            )
        return value

    # Caching

    def pack(self, value: Any) -> dict[str, Array]:
        """The value as named arrays; samples differ in the length of their first axis alone."""
        return {"values": np.atleast_1d(self._in_dtype(value))}

    def unpack(self, arrays: Mapping[str, Array]) -> Any:
        """The value that ``pack`` took apart; the arrays are its own."""
        return self.exact(arrays["values"])

    # Inspection and drawing

    def count(self, tally: Tally, value: Any) -> None:
        """Add one sample's value to what ``inspect`` counts; here each named number's spread."""
        known = ~self.is_unknown(value)
        tally.ignored += int((~known).sum())
        tally.counts += known
        for name, entry, there in zip(tally.target.classes, value, known, strict=True):
            if there:
                tally.note(name, float(entry))

    def draw(self, canvas: Canvas, value: Any, target: Target, factor: int) -> Canvas:
        """What has a place in the picture, on a copy.

        Args:
            canvas: (H * factor, W * factor, 3) uint8 RGB.
            value: in pixels of the (H, W) picture.
            target: its classes.
            factor: how many times larger the canvas is.
        """
        return canvas

    def caption(self, value: Any, target: Target) -> str | None:
        """What is said in words, or None; here the numbers with their names."""
        pairs = zip(target.classes, value.tolist(), strict=True)
        return ", ".join(f"{name} {entry:.4g}" for name, entry in pairs)

    # Class names

    def named(self, target: Target) -> tuple[str, ...]:
        """The classes that a network can have in common with other data."""
        return target.classes

    def renumbered(self, value: Any, table: npt.NDArray[np.int64], known: Target) -> Any:
        """The value in the terms of a network that numbers the classes otherwise.

        Args:
            value: its last axis runs over the data's classes.
            table: the network's number of each of the data's classes, -1 where it has none.
            known: what the network was trained on.

        Returns:
            The value, unknown in the classes that the data lacks; None where nothing is left.
        """
        found = np.full((*value.shape[:-1], len(known.classes)), self.unknown, self.dtype)
        found[..., table[table >= 0]] = value[..., table >= 0]
        return found

    def pointed(self, value: Any, table: npt.NDArray[np.int64], known: Target) -> Any:
        """``renumbered`` for ``Target.points``, which are the classes of most kinds.

        Args:
            value: see ``renumbered``.
            table: the number in ``known`` of each of the value's points, -1 where it has none.
            known: whose points the value is to have.
        """
        return self.renumbered(value, table, known)

    # Files that predict writes

    def write(self, stem: Path, value: Array) -> Path:
        """Write an array of a prediction, whole or not at all; here as it is, in an .npy file.

        Args:
            stem: the file's path without its ending.
            value: see ``Head.record``.

        Returns:
            The file.
        """
        path = stem.with_name(f"{stem.name}.npy")
        content = io.BytesIO()
        np.save(content, value, allow_pickle=False)
        write_whole(path, content.getvalue())
        return path
