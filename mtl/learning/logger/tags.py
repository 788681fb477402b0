"""Under which names TensorBoard gets its curves.

It groups them by the first part of the name, in the order of the alphabet.
"""

MACHINERY = "~"
"""Before the names of what belongs to no split: rates, weights, epochs. It sorts after letters."""


def tag_of(name: str) -> str:
    """``val/box/iou`` as ``box/val/iou``: a task's training and validation stand together.

    Results keep their names (``test/box/iou``), as have sums over tasks (``val/score``). What
    belongs to no split goes to the end (``~lr/heads``).

    Args:
        name: of a scalar, as it is logged.
    """
    split, _, rest = name.partition("/")
    task, _, metric = rest.partition("/")
    if split in ("train", "val") and metric:
        return f"{task}/{split}/{metric}"
    if split in ("train", "val", "test", "best"):
        return name
    return f"{MACHINERY}{name}"
