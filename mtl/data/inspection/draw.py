"""What a sample is labelled with, drawn on it."""

from collections.abc import Mapping

from mtl.data.sample import Sample, Target
from mtl.drawing.enlarge import enlarged
from mtl.drawing.marks import Canvas, draw_caption


def draw_targets(sample: Sample, targets: Mapping[str, Target], factor: int = 1) -> Canvas:
    """A sample's image with its targets: areas first, then boxes, captions last.

    What has no place is named at the top, one line per target.

    Args:
        sample: image (H, W, 3) uint8; not changed.
        targets: what the data set can label, by name.
        factor: how many times larger the picture becomes, 1 or more.

    Returns:
        (H * factor, W * factor, 3) uint8 RGB.
    """
    canvas = enlarged(sample.image, factor)
    for name in sorted(sample.targets, key=lambda name: targets[name].kind.layer):
        target = targets[name]
        canvas = target.kind.draw(canvas, sample.targets[name], target, factor)
    said = {n: targets[n].kind.caption(value, targets[n]) for n, value in sample.targets.items()}
    captions = {name: text for name, text in said.items() if text is not None}
    if len(captions) == 1:
        return draw_caption(canvas, list(captions.values()))
    return draw_caption(canvas, [f"{name}: {text}" for name, text in captions.items()])
