"""Dots at one place in a chart are all seen and named."""

from mtl.runs.page.crowded import Dot, dots

NAMES = ["a", "b", "c", "d", "e", "f"]
ALONE = (2 * 5.2) ** 2


def test_a_dot_by_itself_bears_its_name() -> None:
    found = dots({0: (0.0, 0.0), 1: (50.0, 0.5), 2: (100.0, 1.0)}, NAMES, [0, 1])
    assert found == {
        # Names at the edge go inwards.
        0: Dot(ALONE, ["a"], "left"),
        1: Dot(ALONE, ["b"], "center"),
        2: Dot(ALONE, [], "right"),
    }


def test_dots_at_one_place_are_rings_with_all_names_above_the_highest() -> None:
    found = dots({0: (10.0, 0.5), 1: (10.0, 0.501), 2: (10.0, 0.5), 3: (20.0, 0.9)}, NAMES, [0])
    # The largest is drawn first; of radii 5.2, 8.2 and 11.2.
    sizes = [found[row].size for row in (0, 1, 2)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes == [(2 * radius) ** 2 for radius in (11.2, 8.2, 5.2)]
    assert [*found][:2] == [0, 1]
    # Who lies on one that is named is named, too.
    assert {row: dot.names for row, dot in found.items() if dot.names} == {1: ["a", "b", "c"]}


def test_names_that_would_touch_stand_in_one_place() -> None:
    found = dots({0: (0.0, 0.50), 1: (10.0, 0.55), 2: (100.0, 1.0), 3: (0.0, 0.0)}, NAMES, range(4))
    assert {row: dot.names for row, dot in found.items()} == {
        0: [],
        1: ["a", "b"],
        2: ["c"],
        3: ["d"],
    }
    assert {dot.size for dot in found.values()} == {ALONE}


def test_of_many_names_some_are_counted() -> None:
    found = dots(dict.fromkeys(range(6), (1.0, 1.0)), NAMES, range(6))
    named = [dot for dot in found.values() if dot.names]
    assert [dot.names for dot in named] == [["a", "b", "c", "and 3 more"]]
    assert named[0].align == "center"
    # However many there are, none becomes wider than the widest.
    assert max(dot.size for dot in found.values()) == 32**2
    assert len({dot.size for dot in found.values()}) == 6


def test_nothing_to_draw() -> None:
    assert dots({}, [], []) == {}
