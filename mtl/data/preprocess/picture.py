"""The one way from a file to the network's picture: for training, evaluation and prediction."""

from collections.abc import Mapping

from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import Source


def picture(
    source: Source, index: int, preprocess: Preprocess, targets: Mapping[str, Target]
) -> tuple[Sample, Frame]:
    """A sample read and preprocessed.

    Large JPEGs are decoded at reduced size, which is decided here alone: filters act on the decoded
    pixels, so another size would show the network another picture.

    Args:
        source: whose samples have not been preprocessed.
        index: of the sample.
        preprocess: the deterministic steps.
        targets: what samples can be labelled with; other targets are left out.

    Returns:
        The sample as the network gets it, uint8, and where its picture lies in the image at full
        resolution.

    Raises:
        BadFile: the sample can't be read, or a target is none of its kind.
    """
    sample = source.read(index, preprocess.image_size).understood(targets)
    height, width = sample.image.shape[:2]
    ready, frame = preprocess(sample)
    # A step of the user's own may hand out a new sample.
    return ready.understood(targets), frame.at_size(*(sample.size or (width, height)))
