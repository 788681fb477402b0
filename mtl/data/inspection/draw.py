"""What a sample is labelled with, drawn on it."""

from collections.abc import Mapping

from mtl.data.sample import Sample, Target, TargetValue
from mtl.drawing.enlarge import enlarged
from mtl.drawing.marks import Canvas, draw_caption


def draw_targets(sample: Sample, targets: Mapping[str, Target], factor: int = 1) -> Canvas:
    """A sample's image with its targets; see ``draw_values``.

    Args:
        sample: image (H, W, 3) uint8; not changed.
        targets: what the data set can label, by name.
        factor: how many times larger the picture becomes, 1 or more.

    Returns:
        (H * factor, W * factor, 3) uint8 RGB.
    """
    return draw_values(enlarged(sample.image, factor), sample.targets, targets, factor)


def draw_values(
    canvas: Canvas,
    values: Mapping[str, TargetValue],
    targets: Mapping[str, Target],
    factor: int,
) -> Canvas:
    """Targets drawn on a picture: areas first, then boxes, captions last.

    What has no place is named at the top, one line per target.

    Args:
        canvas: (H * factor, W * factor, 3) uint8 RGB, not changed.
        values: by target, in pixels of the (H, W) picture.
        targets: what they mean.
        factor: how many times larger the canvas is.
    """
    for name in sorted(values, key=lambda name: targets[name].kind.layer):
        canvas = targets[name].kind.draw(canvas, values[name], targets[name], factor)
    said = {
        name: targets[name].kind.caption(value, targets[name]) for name, value in values.items()
    }
    captions = {name: text for name, text in said.items() if text is not None}
    if len(captions) == 1:
        return draw_caption(canvas, list(captions.values()))
    return draw_caption(canvas, [f"{name}: {text}" for name, text in captions.items()])
