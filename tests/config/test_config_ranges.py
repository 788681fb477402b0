"""Rules belong to the members that declare an option, and to nobody else's."""

import pytest

from mtl.config.ranges import check_ranges
from mtl.config.schema import fitted
from mtl.errors import UserError

SIMILARITY = "mtl.model.head.similarity.Similarity"


@pytest.mark.parametrize(
    ("group", "option", "ours", "mine"),
    [
        ("heads.x", "loss", {"_target_": SIMILARITY, "loss": "l1"}, {"loss": "l1"}),
        (
            "data",
            "train",
            {"_target_": "mtl.data.sources.shapes.Shapes", "train": "file.csv"},
            {"train": "file.csv"},
        ),
        (
            "optimizer",
            "momentum",
            {"_target_": "torch.optim.SGD", "momentum": 2},
            {"momentum": "nesterov"},
        ),
        (
            "callbacks.x",
            "every",
            {"_target_": "mtl.learning.callbacks.conflict.Conflict", "every": 0},
            {"every": "epoch"},
        ),
    ],
)
def test_options_of_other_classes_have_other_rules(group, option, ours, mine) -> None:
    def nested(node: dict[str, object]) -> dict[str, object]:
        found: dict[str, object] = node
        for part in reversed(group.split(".")):
            found = {part: found}
        return found

    with pytest.raises(UserError, match=rf"{group}\.{option}="):
        check_ranges(nested(ours))
    check_ranges(nested({"_target_": "mine.Own", **mine}))
    # Its type is still that of its own yaml's default.
    own = {"_target_": "mine.Own", **mine}
    assert fitted(group, own, own) == own
    with pytest.raises(UserError, match="must be text"):
        fitted(group, {**own, option: [1]}, own)


def test_what_the_framework_reads_has_one_rule_for_all() -> None:
    with pytest.raises(UserError, match=r"heads\.x\.weight=-1"):
        check_ranges({"heads": {"x": {"_target_": "mine.Head", "weight": -1}}})
    with pytest.raises(UserError, match=r"data\.on_error=no"):
        check_ranges({"data": {"_target_": "mine.Data", "on_error": "no"}})
