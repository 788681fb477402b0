"""What a target says of its classes beside their names."""

import json
from typing import Any

import pytest

from mtl.data.sample import Target
from mtl.errors import UserError

NAMES = ("nose", "left_eye", "right_eye")
EYES = [("left_eye", "right_eye")]


def test_files_keep_all_of_it_and_nothing_that_is_empty() -> None:
    target = Target("labels", NAMES, mirrored=EYES, skeleton=[["nose", "left_eye"]])
    plain = json.loads(json.dumps(target.plain))
    assert plain == {
        "kind": "labels",
        "classes": list(NAMES),
        "mirrored": [["left_eye", "right_eye"]],
        "skeleton": [["nose", "left_eye"]],
    }
    assert Target.of_plain(plain) == target != Target("labels", NAMES)
    assert Target("labels", NAMES).plain == {"kind": "labels", "classes": list(NAMES)}


def test_a_mirror_exchanges_the_classes_of_a_pair_alone() -> None:
    assert Target("labels", NAMES, mirrored=EYES).exchanged.tolist() == [0, 2, 1]
    assert Target("labels", NAMES).exchanged.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mirrored": [("left_eye", "ear")]}, r"mirrored: \['left_eye', 'ear'\] is no pair"),
        ({"skeleton": [("nose",)]}, "no pair of names; there are nose, left_eye, right_eye"),
        ({"mirrored": [*EYES, ("nose", "left_eye")]}, "a name is in one pair at most"),
    ],
)
def test_pairs_of_something_else_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Target("labels", NAMES, **given)
