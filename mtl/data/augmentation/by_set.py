"""Other random steps for the samples of some of several data sets."""

from collections.abc import Mapping

from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.sample import Sample
from mtl.data.sources.together import set_of


class BySet:
    """The sample engine of each set.

    Args:
        own: by the name of the set.
        others: of the sets that have none of their own.
    """

    def __init__(self, own: Mapping[str, SampleAugmenter], others: SampleAugmenter) -> None:
        self.own = own
        self.others = others

    def __call__(self, sample: Sample, seed: int, copy: int = 0) -> Sample:
        """See ``SampleAugmenter``."""
        return self.own.get(set_of(sample.id), self.others)(sample, seed, copy)
