"""Numbers of things."""

import pytest

from mtl.words import agreeing, counted


@pytest.mark.parametrize(
    ("number", "what", "said"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (2, "batch", "2 batches"),
        (2, "box", "2 boxes"),
        (1, "more entry", "1 more entry"),
        (1200, "more entry", "1,200 more entries"),
        (2, "day", "2 days"),
        (3, "epoch", "3 epochs"),
    ],
)
def test_counted(number: int, what: str, said: str) -> None:
    assert counted(number, what) == said


def test_verbs_agree() -> None:
    assert [agreeing(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]
