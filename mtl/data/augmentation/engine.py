"""Which of the two engines runs an augmentation."""

from collections.abc import Sequence
from typing import Literal

from mtl.data.augmentation.spec import Augmentation
from mtl.errors import UserError


def choose_engine(specs: Sequence[Augmentation], in_memory: bool) -> Literal["sample", "batch"]:
    """``auto`` means whole batches for sets in memory, and image by image for everything else.

    Args:
        specs: the augmentation, and those of sets that have one of their own; ``extra`` steps and
            several of them need the sample engine, which ``auto`` then takes.
        in_memory: whether the training split is one array of small images.

    Raises:
        UserError: engine ``batch`` together with ``extra`` steps, or for several augmentations.
    """
    spec = specs[0]
    if spec.engine == "batch":
        refuse_extra(spec)
        if len(specs) > 1:
            raise UserError(
                "data.augmentations needs augmentation.engine=sample (or auto): the batch engine "
                "does the same to all samples"
            )
    if spec.engine != "auto":
        return spec.engine
    return "batch" if in_memory and not spec.extra and len(specs) == 1 else "sample"


def refuse_extra(spec: Augmentation) -> None:
    """Raise UserError when ``extra`` is not empty: the batch engine has no such steps."""
    if spec.extra:
        raise UserError(
            "augmentation.extra needs augmentation.engine=sample (or auto): "
            "the batch engine runs no albumentations transforms"
        )
