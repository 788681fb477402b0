"""What a sample is labelled with, drawn on it."""

from collections.abc import Mapping

import numpy as np

from mtl.data.sample import Sample, Target, TargetValue
from mtl.drawing.enlarge import enlarged
from mtl.drawing.marks import Canvas, draw_caption
from mtl.drawing.panels import panels
from mtl.drawing.three import in_three


def draw_targets(sample: Sample, targets: Mapping[str, Target], factor: int = 1) -> Canvas:
    """A sample's image with its targets; see ``draw_values``.

    Args:
        sample: image (H, W, C); not changed.
        targets: what the data set can label, by name.
        factor: how many times larger the picture becomes, 1 or more.

    Returns:
        (H * factor, W * factor, 3) uint8 RGB; several of these beside each other where a target
        hides the others.
    """
    drawn = draw_values(enlarged(in_three(sample.image), factor), sample.targets, targets, factor)
    return np.concatenate(drawn, 1)


def draw_values(
    canvas: Canvas,
    values: Mapping[str, TargetValue],
    targets: Mapping[str, Target],
    factor: int,
) -> list[Canvas]:
    """Targets drawn on a picture: areas first, then boxes, captions last.

    What has no place is named at the top, one line per target. Targets that hide others have a
    picture of their own, also where the value is absent.

    Args:
        canvas: (H * factor, W * factor, 3) uint8 RGB, not changed.
        values: by target, in pixels of the (H, W) picture.
        targets: what they mean.
        factor: how many times larger the canvas is.
    """

    def draw(below: Canvas, name: str) -> Canvas:
        if name not in values:
            return below
        return targets[name].kind.draw(below, values[name], targets[name], factor)

    order = sorted(targets, key=lambda name: targets[name].kind.layer)
    covering = [name for name in order if targets[name].kind.covers]
    first, *others = panels(canvas, order, covering, draw)
    said = {
        name: targets[name].kind.caption(value, targets[name]) for name, value in values.items()
    }
    captions = {name: text for name, text in said.items() if text is not None}
    lines = [f"{name}: {text}" for name, text in captions.items()]
    return [draw_caption(first, list(captions.values()) if len(lines) == 1 else lines), *others]
