"""A class that nearly every sample has."""

from collections.abc import Iterator

from mtl.data.inspection.looked import Looked

MOST = 0.9


def find(looked: Looked) -> Iterator[str]:
    """One line for each task with one label per sample whose train is mostly of one class."""
    if looked.train is None:
        return
    for task in looked.cfg.tasks:
        head = looked.cfg.heads[task]
        target = looked.targets.get(str(head.target))
        if target is None or not target.kind.exclusive or len(target.classes) < 2:
            continue
        shares = looked.train.tallies[str(head.target)].shares
        row = int(shares.argmax())
        if shares[row] > MOST:
            hints = [f"heads.{task}.metrics=[balanced_accuracy] judges by all classes alike"]
            if "class_weights" in head:
                hints.append(f"heads.{task}.class_weights=[...] weighs the rare ones up")
            yield (
                f"{task}: {100 * shares[row]:.0f} % of train is {target.classes[row]}, so that "
                f"saying it always is nearly always right; {', '.join(hints)}"
            )
