"""A split that is missing."""

from collections.abc import Iterator

from mtl.data.inspection.looked import Looked


def find(looked: Looked) -> Iterator[str]:
    """One line for each of val and test that the data lacks."""
    if "val" not in looked.sources:
        hint = looked.hint("val_fraction", "data.val_fraction=0.2 holds some of train out")
        yield f"no val split: the last checkpoint counts as the best{hint}"
    if "test" not in looked.sources:
        hint = looked.hint("test_fraction", "data.test_fraction=0.1 holds some of train out")
        yield f"no test split: nothing is measured on images that had no say{hint}"
