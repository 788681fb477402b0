"""A task that has nothing to decide."""

from collections.abc import Iterator

from mtl.data.inspection.looked import Looked


def find(looked: Looked) -> Iterator[str]:
    """One line for each target with one label per sample and a single class."""
    for name, target in looked.targets.items():
        if target.kind.exclusive and len(target.classes) == 1:
            yield (
                f"{name} has one class, {target.classes[0]}: there is nothing to tell apart; it "
                "takes images of another class"
            )
