from itertools import combinations, product

import pytest
from covering import covering

AXES = {
    "encoder": [f"encoder{i}" for i in range(10)],
    "exchange": ["none", "concat", "attention"],
    "place": ["parameters", "representation", "stage2"],
    "views": ["single", "rotations"],
}


def pairs(rows: list[tuple[str, ...]]) -> set[tuple[object, ...]]:
    return {(i, j, row[i], row[j]) for row in rows for i, j in combinations(range(len(row)), 2)}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_pair_of_values_occurs(count: int) -> None:
    axes = dict(list(AXES.items())[:count])
    everything = list(product(*axes.values()))
    sample = covering([axes], whole=False)
    assert set(sample) <= set(everything)
    assert len(set(sample)) == len(sample)
    assert pairs(sample) == pairs(everything)
    assert {value for row in sample for value in row} == {v for axis in axes.values() for v in axis}
    # Ten encoders at three places are 30 pairs; a greedy sample of more axes needs few more.
    assert len(sample) <= 36


def test_all_of_them_are_the_product() -> None:
    assert covering([AXES], whole=True) == list(product(*AXES.values()))


def test_a_new_member_is_in_the_sample() -> None:
    axes = {**AXES, "views": [*AXES["views"], "new"]}
    found = covering([axes], whole=False)
    assert pairs(found) == pairs(list(product(*axes.values())))
    assert covering([axes], whole=False) == found


def test_matrices_add_up_and_none_is_there_twice() -> None:
    one, other = {"a": ["x", "y"], "b": ["u"]}, {"b": ["u", "w"], "a": ["x"]}
    assert covering([one, other], whole=False) == [("x", "u"), ("y", "u"), ("x", "w")]
    with pytest.raises(ValueError, match="the same axes"):
        covering([one, {"a": ["x"]}], whole=False)
