"""A class looks the same in every picture, whatever curve it has the least area of."""

import pytest

from mtl.drawing.curves import pictures as drawn
from mtl.drawing.curves.lines import Line

NAMES = ["background", "circle", "square"]


@pytest.mark.parametrize(("names", "first"), [(NAMES, -1), (NAMES[1:], 0)])
def test_classes_are_numbered_as_masks_and_boxes_paint_them(
    names: list[str], first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: dict[str, list[Line]] = {}
    monkeypatch.setattr(
        drawn, "draw_lines", lambda found, title, *_, **__: lines.update({title: found})
    )
    curves = {"per_class": [{"class": name} for name in names], "roc": {}, "pr": {}}
    for place, name in enumerate(["all", *names]):
        # The area grows with one curve and falls with the other.
        curves["roc"][name] = {"fpr": [0, 1], "tpr": [0, 1], "auc": place / 10}
        curves["pr"][name] = {"recall": [0, 1], "precision": [1, 0], "ap": 1 - place / 10}
    drawn.pictures(curves, "task")
    assert len(lines) == 2
    expected = [None, *range(first, first + len(names))]
    for found in lines.values():
        assert [line.number for line in found] == expected
        assert [line.name.split()[0] for line in found] == ["mean", *names]
