"""Objects with a box, a class and a mask each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mtl.data.augmentation.geometry import SMALLEST_VISIBILITY
from mtl.data.batch import BoxBatch, Labelled
from mtl.data.instances import InstanceBatch, Instances
from mtl.data.masks import Masks
from mtl.data.sample import Boxes
from mtl.data.target.base import Array
from mtl.data.target.boxes import BoxesKind
from mtl.data.target.listed import on_cpu
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts
from mtl.drawing.instances import draw_instances

if TYPE_CHECKING:
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

BOXES = BoxesKind()


class InstancesKind(BoxesKind):
    """``Instances``.

    Where the picture is turned or mirrored exactly, boxes and masks are so too. By any other map
    masks are moved by the nearest pixel and boxes are drawn anew, tight around them; an object that
    keeps less than ``augmentation.min_visibility`` of its pixels is dropped, as boxes are.
    """

    def exact(self, value: Any) -> Instances:
        """The arrays of the types that ``Instances`` says.

        Raises:
            ValueError: these are no ``Instances``.
        """
        if not isinstance(value, Instances):
            raise ValueError(f"{type(value).__name__} is given instead of Instances")
        boxes = BOXES.exact(value)
        assert isinstance(boxes, Instances)
        return boxes

    def misfit(self, value: Boxes, target: Target) -> str | None:
        """As of boxes, or other masks than there are objects, or one without a pixel."""
        assert isinstance(value, Instances)
        if len(value.masks) != len(value):
            return f"has {len(value.masks)} masks for {len(value)} objects"
        if not value.masks.areas.all():
            return "has a mask without a pixel"
        return super().misfit(value, target)

    def collate(self, values: Sequence[Boxes]) -> InstanceBatch:
        """Boxes padded to the longest list, and all masks in a row."""
        return InstanceBatch.together([self.exact(value) for value in values])

    def cut(self, column: Any) -> InstanceBatch:
        """Likewise."""
        return self.collate(list(column))

    def separate(self, value: BoxBatch, place: int) -> Instances:
        """Without the padding."""
        assert isinstance(value, InstanceBatch)
        return Instances.of(BOXES.separate(value, place), value.masks_of(place))

    def resized(self, value: Boxes, frame: Frame, side: int) -> Instances:
        """Scaled and shifted; remembers which part of the picture shows the image."""
        assert isinstance(value, Instances)
        masks = value.masks.scaled(
            (frame.scale_x, frame.scale_y), (frame.offset_x, frame.offset_y), (side, side)
        )
        return Instances.of(BOXES.resized(value.boxes, frame, side), masks)

    def to_original(self, value: Boxes, frame: Frame) -> Instances:
        """The counterpart."""
        assert isinstance(value, Instances)
        scale = (1 / frame.scale_x, 1 / frame.scale_y)
        offset = (-frame.offset_x * scale[0], -frame.offset_y * scale[1])
        masks = value.masks.scaled(scale, offset, (frame.height, frame.width))
        return Instances.of(BOXES.to_original(value.boxes, frame), masks)

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""

        def change(objects: InstanceBatch, there: Labelled) -> InstanceBatch:
            values = [self.separate(objects, row) for row in range(len(objects))]
            pairs = zip(values, turn.rows(there).tolist(), strict=True)
            alone = Turn.alone(turn.quarters, turn.size)
            return self.collate([self.turned_alone(v, alone) if row else v for v, row in pairs])

        return on_cpu(labelled, change)

    def turned_alone(self, value: Instances, turn: Turn) -> Instances:
        """Exactly."""
        boxes = BOXES.turned_alone(value.boxes, turn)
        return Instances.of(boxes, value.masks.turned(turn.quarters))

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """See the class."""

        def change(objects: InstanceBatch, there: Labelled) -> InstanceBatch:
            return self.collate(
                [
                    self.moved_alone(self.separate(objects, place), motion.of(row))
                    for place, row in enumerate(there.index.tolist())
                ]
            )

        return on_cpu(labelled, change)

    def moved_alone(self, value: Boxes, motion: Motion) -> Instances:
        """See the class."""
        assert isinstance(value, Instances)
        if not motion.warps:
            across, down = motion.flips[0].tolist()
            masks = value.masks.flipped(across, down)
            return replace(_mirrored(value, across, down), masks=masks, within=None)
        masks, shares = value.masks.moved(motion.matrix[0].double().numpy())
        least = max(motion.spec.min_visibility - 1e-6, SMALLEST_VISIBILITY)
        return _around(value, masks, shares >= least)

    def parts(self, value: Boxes) -> PlacedParts:
        """A map for each mask, and the boxes, which say what is left of each."""
        assert isinstance(value, Instances)
        maps = [mask.astype(np.uint8) for mask in value.masks.whole]
        return replace(BOXES.parts(value), maps=maps)

    def from_parts(self, value: Boxes, parts: PlacedParts) -> Instances:
        """Those that are left."""
        assert isinstance(value, Instances)
        size = value.masks.size if parts.outside is None else parts.outside.shape
        masks = Masks.of((np.asarray(m == 1) for m in parts.maps), (size[0], size[1]))
        return _around(value, masks, np.isin(np.arange(len(value)), parts.rows))

    def pack(self, value: Boxes) -> dict[str, Array]:
        """One row per object; of the masks eight pixels a byte."""
        assert isinstance(value, Instances)
        return {
            **BOXES.pack(value),
            "size": np.array([value.masks.size], np.int64),
            "rectangles": value.masks.rectangles,
            "bits": np.packbits(value.masks.flat),
        }

    def unpack(self, arrays: Mapping[str, Array]) -> Instances:
        """The counterpart."""
        rectangles = arrays["rectangles"]
        count = int((rectangles[:, 2] * rectangles[:, 3]).sum())
        flat = np.unpackbits(arrays["bits"], count=count).astype(np.bool_)
        masks = Masks.of_flat(arrays["size"][0].tolist(), rectangles, flat)
        return Instances.of(BOXES.unpack(arrays), masks)

    def draw(self, canvas: Canvas, value: Boxes, target: Target, factor: int) -> Canvas:
        """Masks in the colours of their classes with their outlines, below the boxes."""
        assert isinstance(value, Instances)
        tinted = draw_instances(
            canvas, value.masks.crops, value.labels.tolist(), value.difficult.tolist(), factor
        )
        return BOXES.draw(tinted, value, target, factor)

    def renumbered(
        self, value: Boxes, table: npt.NDArray[np.int64], known: Target
    ) -> Instances | None:
        """Objects of classes that the network doesn't know are left out."""
        assert isinstance(value, Instances)
        boxes = BOXES.renumbered(value.boxes, table, known)
        if boxes is None:
            return None
        return Instances.of(boxes, value.masks[table[value.labels] >= 0])


def _mirrored(value: Instances, across: bool, down: bool) -> Instances:
    height, width = value.masks.size
    x1, y1, x2, y2 = value.xyxy.T
    if across:
        x1, x2 = width - x2, width - x1
    if down:
        y1, y2 = height - y2, height - y1
    return replace(value, xyxy=np.stack([x1, y1, x2, y2], 1))


def _around(value: Instances, masks: Masks, kept: npt.NDArray[np.bool_]) -> Instances:
    """The objects with other masks, as far as they are kept and have a pixel, in tight boxes."""
    found = replace(value, masks=masks, within=None).taken(kept & (masks.areas > 0))
    return replace(found, xyxy=found.masks.xyxy)
