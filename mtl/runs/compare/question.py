"""What a comparison is asked."""

from dataclasses import dataclass

from mtl.runs.compare.comparison import Sign, Test

DRAWS = 200


@dataclass(frozen=True)
class Question:
    """How runs are to be compared.

    Args:
        by: one key that makes the rows, the others being averaged and paired over; None for all
            that differ.
        metrics: their names, with the split (``test/box/iou``) or without; none for each task's
            main one, and the change against single tasks where it is known.
        reference: the row to compare with: ``weighting=pcgrad``, or ``pcgrad`` alone; None for the
            one with ``weighting=equal``, else the first.
        test: by which p is found.
        delta: sign of the changes against single tasks.
        draws: of test images for intervals over them, where samples were kept; 0: none. Each
            computes a metric of every run anew, which takes milliseconds for detections.
    """

    by: str | None = None
    metrics: tuple[str, ...] = ()
    reference: str | None = None
    test: Test = "t"
    delta: Sign = "gain"
    draws: int = DRAWS
