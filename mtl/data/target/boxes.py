"""Objects with a box and a class each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.augmentation.geometry import carry_boxes, turn_boxes
from mtl.data.batch import BatchValue, BoxBatch, Labelled
from mtl.data.sample import Boxes
from mtl.data.target.base import Array
from mtl.data.target.listed import PER_IMAGE, ListedKind, on_cpu
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts
from mtl.drawing.marks import draw_boxes

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

LOOKED_FOR = "classes looked for, where not all"
SIDE = "side in pixels"


class BoxesKind(ListedKind):
    """``Boxes``."""

    objects: ClassVar[bool] = True
    counted: ClassVar[str] = "objects"
    uncounted: ClassVar[str | None] = "difficult objects"

    def exact(self, value: Any) -> Boxes:
        """The arrays of the types that ``Boxes`` says.

        Raises:
            ValueError: these are no ``Boxes``.
        """
        if not isinstance(value, Boxes):
            raise ValueError(f"{type(value).__name__} is given instead of Boxes")
        looked_for = value.looked_for
        if looked_for is not None and looked_for.all():
            return replace(value, looked_for=None)
        return value

    def misfit(self, value: Boxes, target: Target) -> str | None:
        """A box of a number that is no class's, or another number of classes looked for."""
        looked_for = value.looked_for
        if looked_for is not None and looked_for.shape != (len(target.classes),):
            return (
                f"says of classes in the shape {looked_for.shape} whether they were looked for; "
                f"there are {len(target.classes)}"
            )
        wrong = (value.labels < 0) | (value.labels >= len(target.classes))
        if not wrong.any():
            return None
        last = len(target.classes) - 1
        return f"holds an object of class {value.labels[wrong][0]}; the classes are 0 to {last}"

    def extents(self, value: Boxes) -> npt.NDArray[np.float32]:
        """Of each box."""
        return value.xyxy[:, 2:] - value.xyxy[:, :2]

    def doubts(self, name: str, target: Target, values: Iterable[Boxes]) -> str | None:
        """Objects all of which are difficult, up to the first one that isn't."""
        seen = 0
        for value in values:
            if not value.difficult.all():
                return None
            seen += len(value)
        if not seen:
            return None
        return (
            f"all {seen} objects of {name} are difficult (VOC's difficult, COCO's iscrowd): none "
            "is learnt or counted"
        )

    def collate(self, values: Sequence[Boxes]) -> BoxBatch:
        """Padded to the longest list."""
        return BoxBatch.collate(values)

    def separate(self, value: BoxBatch, place: int) -> Boxes:
        """Without the padding."""
        kept = value.valid[place]
        within = None if value.within is None else tuple(value.within[place].tolist())
        looked_for = None if value.looked_for is None else value.looked_for[place].cpu().numpy()
        return Boxes(
            value.xyxy[place][kept].cpu().numpy(),
            value.labels[place][kept].cpu().numpy(),
            value.difficult[place][kept].cpu().numpy(),
            within if within is not None and np.isfinite(within).all() else None,
            None if looked_for is None or looked_for.all() else looked_for,
        )

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """How many objects of each class an image shows; what a head made of boxes, as it is.

        Of a class that was not looked for nobody knows.
        """
        if not isinstance(value, BoxBatch):
            return super().numbers(value, target)
        # Padding counts in a column of its own.
        classes = value.labels.remainder(len(target.classes) + 1)
        shown = F.one_hot(classes, len(target.classes) + 1).sum(1)[:, :-1].float()
        if value.looked_for is None:
            return shown
        return shown.masked_fill(~value.looked_for, torch.nan)

    def resized(self, value: Boxes, frame: Frame, side: int) -> Boxes:
        """Scaled and shifted; remembers which part of the picture shows the image."""
        scale = np.array([frame.scale_x, frame.scale_y] * 2)
        offset = np.array([frame.offset_x, frame.offset_y] * 2)
        xyxy = (value.xyxy * scale + offset).astype(np.float32)
        return replace(value, xyxy=xyxy, within=frame.within(side))

    def to_original(self, value: Boxes, frame: Frame) -> Boxes:
        """Clipped to the original."""
        return replace(value, xyxy=frame.boxes_to_original(value.xyxy), within=None)

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""

        def change(boxes: BoxBatch, there: Labelled) -> BoxBatch:
            rows = turn.rows(there)
            around = partial(turn_boxes, quarters=turn.quarters, size=turn.size)
            kept = (rows.unsqueeze(-1) & boxes.valid).unsqueeze(-1)
            within = boxes.within
            if within is not None:
                within = torch.where(rows.unsqueeze(-1), around(within), within)
            xyxy = torch.where(kept, around(boxes.xyxy), boxes.xyxy)
            return replace(boxes, xyxy=xyxy, within=within)

        return on_cpu(labelled, change)

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """Upright boxes around what was moved, as far as enough of it is still to be seen."""

        def change(boxes: BoxBatch, there: Labelled) -> BoxBatch:
            xyxy, keep = _carried(boxes.xyxy, motion.matrix[there.index], motion)
            keep = keep & boxes.valid
            return replace(
                boxes,
                xyxy=xyxy * keep.unsqueeze(-1),
                labels=boxes.labels.masked_fill(~keep, -1),
                difficult=boxes.difficult & keep,
                within=None,
            )

        return on_cpu(labelled, change)

    def moved_alone(self, value: Boxes, motion: Motion) -> Boxes:
        """Likewise, without a batch around it: this is done for every image."""
        xyxy, keep = _carried(torch.tensor(value.xyxy), motion.matrix[0], motion)
        kept = keep.numpy()
        return _some(value, xyxy.numpy()[kept], kept)

    def parts(self, value: Boxes) -> PlacedParts:
        """The boxes."""
        return PlacedParts(boxes=value.xyxy, rows=np.arange(len(value)))

    def from_parts(self, value: Boxes, parts: PlacedParts) -> Boxes:
        """Those that are left."""
        return _some(value, parts.boxes, parts.rows)

    def pack(self, value: Boxes) -> dict[str, Array]:
        """One row per object; ``within`` and ``looked_for`` have rows where they are said."""
        within = [] if value.within is None else [value.within]
        return {
            "xyxy": np.asarray(value.xyxy, np.float32),
            "labels": np.asarray(value.labels, np.int64),
            "difficult": np.asarray(value.difficult, np.bool_),
            "within": np.array(within, np.float64).reshape(-1, 4),
            "looked_for": np.array([] if value.looked_for is None else value.looked_for, np.bool_),
        }

    def unpack(self, arrays: Mapping[str, Array]) -> Boxes:
        """The counterpart."""
        within = [(x1, y1, x2, y2) for x1, y1, x2, y2 in arrays["within"].tolist()]
        return Boxes(
            arrays["xyxy"],
            arrays["labels"],
            arrays["difficult"],
            within[0] if within else None,
            arrays["looked_for"] if len(arrays["looked_for"]) else None,
        )

    def count(self, tally: Tally, value: Boxes) -> None:
        """Objects of each class, how many an image has, and how large they are."""
        tally.counts += np.bincount(value.labels, minlength=len(tally.counts))
        tally.ignored += int(value.difficult.sum())
        tally.note(PER_IMAGE, len(value))
        if value.looked_for is not None:
            tally.note(LOOKED_FOR, int(value.looked_for.sum()))
        tally.note(SIDE, *np.sqrt(self.extents(value).prod(1)).tolist())

    def draw(self, canvas: Canvas, value: Boxes, target: Target, factor: int) -> Canvas:
        """Boxes in the colours of their classes, difficult ones thin and grey."""
        names = [target.classes[label] for label in value.labels]
        return draw_boxes(
            canvas, value.xyxy * factor, names, value.labels.tolist(), value.difficult.tolist()
        )

    def caption(self, value: Boxes, target: Target) -> None:
        """Nothing: each box has its own."""
        return

    def renumbered(self, value: Boxes, table: npt.NDArray[np.int64], known: Target) -> Boxes | None:
        """Objects of classes that the network doesn't know are left out.

        Classes that the data lack were not looked for. None where none is left that was, nor an
        object.
        """
        labels = table[value.labels]
        kept = labels >= 0
        there = table if value.looked_for is None else table[value.looked_for]
        looked_for = np.isin(np.arange(len(known.classes)), there)
        if not looked_for.any() and not kept.any():
            return None
        some = None if looked_for.all() else looked_for
        return replace(value.taken(kept), labels=labels[kept], looked_for=some)


def _some(value: Boxes, xyxy: npt.NDArray[np.float32], rows: npt.NDArray[Any]) -> Boxes:
    return replace(value.taken(rows), xyxy=xyxy, within=None)


def _carried(xyxy: Tensor, matrix: Tensor, motion: Motion) -> tuple[Tensor, Tensor]:
    spec = motion.spec
    return carry_boxes(xyxy, matrix.float(), motion.size, spec.rotated_boxes, spec.min_visibility)
