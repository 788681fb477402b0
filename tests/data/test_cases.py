"""Folders as people have them, each with the command that is run in it and the right answer."""

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED_DATA, Result

pytestmark = pytest.mark.slow

CASES = SHARED_DATA.parent / "cases"


def rows(out: str) -> dict[str, list[str]]:
    """The cells of each row of the tables that ``inspect`` prints, by the first one."""
    found = {}
    for line in out.splitlines():
        cells = [cell.strip() for cell in re.split("[│|┃]", line.strip("│|┃ "))]
        if len(cells) > 1:
            found[cells[0]] = cells[1:]
    return found


def samples(result: Result, **counts: int) -> None:
    """The splits' sizes, and that nothing is broken."""
    assert (result.code, result.err) == (0, "")
    table = rows(result.out)
    # These columns are there where not all were looked at, or some are broken.
    assert not {"looked at", "broken"} & set(table["split"]), result.out
    assert table["split"][0] == "samples"
    for split, count in counts.items():
        assert table[split][0] == str(count), (split, result.out)


def classes(result: Result, **counts: str) -> None:
    """Samples by class, a cell per split."""
    table = rows(result.out)
    for name, cells in counts.items():
        assert [cell.split()[0] for cell in table[name]] == cells.split(), result.out


def accents(result: Result) -> None:
    hint = result.err.rpartition("; write ")[2].strip()
    assert result.code == 2
    assert shlex.split(hint) == ["data.root='été'"]


def unit_boxes(result: Result) -> None:
    assert result.code == 2
    assert re.search(r"a\.xml: the box .* lies within one pixel \(0 to 1 coord", result.err)


def empty_root(result: Result) -> None:
    assert (result.code, result.out) == (2, "")
    assert "data.root= is empty" in result.err


def hidden(result: Result) -> None:
    samples(result, train=8, val=2)
    classes(result, cat="4 1", dog="4 1")


def boms(result: Result) -> None:
    samples(result, train=2, val=1)


def spaces(result: Result) -> None:
    samples(result, train=3, val=1)


def black_and_white(result: Result) -> None:
    assert result.code == 2
    assert "hold only 0 and 255, and 255 means ignored: 25 %" in result.err
    assert "cat is in no mask" in result.err
    assert "data.masks=binary" in result.err


def endings(result: Result) -> None:
    classes(result, cat="2 1", dog="2 1")
    assert "__MACOSX" not in result.out


def out_is_a_file(result: Result) -> None:
    assert result.code == 2
    assert "out=notes is a file" in result.err


def valid(result: Result) -> None:
    samples(result, train=8, val=4, test=2)
    assert "valid is taken as val" in result.out


def training_and_test(result: Result) -> None:
    classes(result, apple="2 1 2", pear="2 1 2")
    samples(result, train=4, val=2, test=4)


def upper(result: Result) -> None:
    assert (result.code, result.err) == (0, "")
    assert "val/detection/map" not in result.err
    assert "with boxes" not in result.err
    assert "detection/map" in result.out


def chinese(result: Result) -> None:
    classes(result, 猫="1 0")


def unknown_encoding(result: Result) -> None:
    assert result.code == 0
    assert "1 broken sample" in result.out
    assert "a.xml: unknown encoding utf-8-bom" in result.out


RIGHT: dict[str, Callable[[Result], None]] = {
    "accent-path": accents,
    "boxes-0-to-1": unit_boxes,
    "empty-root": empty_root,
    "hidden-folder": hidden,
    "list-bom": boms,
    "list-endings": boms,
    "list-spaces": spaces,
    "list-utf16": boms,
    "mask-0-255": black_and_white,
    "other-endings": endings,
    "out-is-a-file": out_is_a_file,
    "roboflow-valid": valid,
    "splits-as-classes": training_and_test,
    "upper-xml": upper,
    "xml-gb2312": chinese,
    "xml-unknown-encoding": unknown_encoding,
}
PYTHON = ("float-tiff", "predict-not-eval")
"""Their commands are scripts; see below."""
ELSEWHERE = ("hparams-tasks",)
"""Told by the tests of sweeps."""


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a case's folder, made the current one; skips where the cases are absent."""

    def copy(name: str) -> Path:
        if not (CASES / name).is_dir():
            pytest.skip(f"{CASES / name} is absent")
        shutil.copytree(CASES / name, tmp_path / name)
        os.chdir(tmp_path / name)
        return tmp_path / name

    return copy


@pytest.mark.parametrize("name", RIGHT)
def test_case_is_answered_as_is_right(
    name: str, mtl: Callable[..., Result], case: Callable[[str], Path]
) -> None:
    folder = case(name)
    command = (folder / "cmd").read_text().strip().replace("$DATA", "")
    if command.startswith("cd "):
        os.chdir(shlex.split(command.partition(" && ")[0])[1])
    words = shlex.split(command[command.index("mtl ") :].partition(";")[0])
    RIGHT[name](mtl(*words[1:]))


def test_every_case_has_an_answer() -> None:
    if not CASES.is_dir():
        pytest.skip(f"{CASES} is absent")
    there = {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    assert there <= {*RIGHT, *PYTHON, *ELSEWHERE}


def test_floats_in_0_to_1_are_scaled(case: Callable[[str], Path], mtl: object) -> None:
    from mtl.data.image_file import read_image

    assert read_image(case("float-tiff") / "data" / "cat" / "0.tif")[0].max() == 255


def test_predict_and_eval_show_the_network_the_same(
    case: Callable[[str], Path], mtl: object
) -> None:
    from mtl.data.preprocess.picture import picture
    from mtl.data.preprocess.standard import Standard
    from mtl.data.sources.class_folders import ClassFolderSource
    from mtl.data.sources.one_image import OneImage

    file = case("predict-not-eval") / "noise.jpg"
    steps = Standard(image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3, fit="stretch")
    evaluated, _ = picture(ClassFolderSource([(file, "label", 0)], ("a",)), 0, steps, {})
    predicted, _ = picture(OneImage(file), 0, steps, {})
    assert np.array_equal(evaluated.image, predicted.image)
