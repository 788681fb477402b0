"""Numbers with names and units: what is particular to them among the kinds."""

from collections.abc import Mapping
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from mtl.data.inspection.report import print_report
from mtl.data.inspection.statistics import SplitStatistics
from mtl.data.inspection.tally import Tally
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import ArraySource, DataSet
from mtl.data.sources.known_classes import KnownClasses
from mtl.errors import BadFile, UserError

NAN = np.nan
SIZES = Target("numbers", ("height", "age"), units=("cm", ""))


def test_units_are_parallel_to_the_names_and_none_where_no_number_has_any() -> None:
    assert SIZES.titles == ("height (cm)", "age")
    assert Target("numbers", ("a", "b"), units=("", "")) == Target("numbers", ("a", "b"))
    assert Target("numbers", ("a",), units=("m",)) != Target("numbers", ("a",), units=("cm",))
    with pytest.raises(UserError, match=r"units \['m'\] don't go with the names \['a', 'b'\]"):
        Target("numbers", ("a", "b"), units=("m",))


def test_files_keep_the_units() -> None:
    plain = {"kind": "numbers", "classes": ["height", "age"], "units": ["cm", ""]}
    assert SIZES.plain == plain
    assert Target.of_plain(plain) == SIZES


def test_they_are_said_with_their_units() -> None:
    say = SIZES.kind.caption
    assert say(np.array([171.25, NAN], np.float32), SIZES) == "height 171.2 cm, age ?"
    assert say(np.array([NAN, 3], np.float32), SIZES) == "height ?, age 3"


def test_an_infinite_number_makes_a_broken_file() -> None:
    infinite = Sample(np.zeros((2, 2, 3), np.uint8), "a.png", {"x": [1.0, np.inf]})
    with pytest.raises(BadFile, match=r"^a\.png: x holds an infinite number; what is unknown"):
        infinite.understood({"x": SIZES})


def test_inspect_tells_each_spread_in_its_unit() -> None:
    tally = Tally(SIZES)
    for row in ([171.25, NAN], [90.5, 7.0], [1234.56, 0.015]):
        tally.add(np.array(row, np.float32))
    console = Console(width=100, file=StringIO())
    print_report(console, [SplitStatistics("train", 3, 3, {"sizes": tally})])
    text = " ".join(console.file.getvalue().replace("│", " ").split())  # type: ignore[attr-defined]
    for line in (
        "sizes: known numbers by class",
        "height (cm) 3 (100.0 %)",
        "age 2 (66.7 %)",
        "(unknown numbers) 1",
        "(height (cm): min, median, max) 90.5, 171.2, 1235",
        "(age: min, median, max) 0.015, 3.507, 7",
    ):
        assert line in text, line


class Sizes(DataSet):
    """Two people."""

    @property
    def targets(self) -> Mapping[str, Target]:
        return {"sizes": SIZES}

    def split(self, split: str) -> ArraySource:
        column = np.array([[171.25, 30], [NAN, 7]], np.float32)
        images = np.zeros((2, 2, 2, 3), np.uint8)
        return ArraySource(images, ["0", "1"], {"sizes": column}, self.targets)


def test_a_network_takes_the_numbers_that_it_knows_in_the_units_that_it_knows() -> None:
    known = {"sizes": Target("numbers", ("weight", "height"), units=("kg", "cm"))}
    source = KnownClasses(Sizes(), known).split("test")
    assert source is not None
    np.testing.assert_array_equal(source.read(0).targets["sizes"], [NAN, np.float32(171.25)])
    assert "sizes" not in source.read(1).targets
    for units, then in ((("m",), "m"), ((), "no unit")):
        other = {"sizes": Target("numbers", ("height",), units=units)}
        with pytest.raises(UserError, match=rf"height in cm; the run was trained on it in {then}"):
            KnownClasses(Sizes(), other)
