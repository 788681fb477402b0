"""CelebA's lists, written here as they are published."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtl.config.load import load
from mtl.data.sources.base import SPLITS
from mtl.data.sources.celeba import ATTRIBUTES, PARTITION, CelebA
from mtl.errors import BadFile, UserError

NAMES = ("5_o_Clock_Shadow", "Male", "Smiling")
FACES = {"000001.jpg": (-1, 1, 1, 0), "000002.jpg": (1, -1, -1, 0), "000003.jpg": (-1, -1, 1, 2)}
"""File to its attributes and its split."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "img_align_celeba").mkdir()
    for number, name in enumerate(FACES):
        path = tmp_path / "img_align_celeba" / name
        cv2.imwrite(str(path), np.full((22, 18, 3), 60 * number, np.uint8))
    listed = [f"{name}  {a:2d} {b:2d} {c:2d} " for name, (a, b, c, _) in FACES.items()]
    (tmp_path / ATTRIBUTES).write_text("\n".join(["3", " ".join(NAMES) + " ", *listed]) + "\n")
    splits = [f"{name} {split}" for name, (*_, split) in FACES.items()]
    (tmp_path / PARTITION).write_text("\n".join(splits) + "\n")
    return tmp_path


def test_each_attribute_is_a_target(root: Path) -> None:
    data = CelebA(root=str(root), image_size=64)
    data.prepare()
    assert list(data.targets) == ["attributes", "Five_o_Clock_Shadow", "Male", "Smiling"]
    assert data.targets["Male"].classes == ("no", "yes")
    sources = {split: data.split(split) for split in SPLITS}
    assert sources["val"] is None
    assert [len(sources[split]) for split in ("train", "test")] == [2, 1]
    sample = sources["train"].read(1).understood(data.targets)
    assert sample.image.shape == (22, 18, 3)
    assert abs(int(sample.image.mean()) - 60) < 3
    assert sample.targets["attributes"].tolist() == [1, 0, 0]
    assert [sample.targets[name] for name in list(data.targets)[1:]] == [1, 0, 0]
    assert sources["test"].annotations(0)["Smiling"] == 1


def test_broken_lists_are_said(root: Path) -> None:
    rows = (root / ATTRIBUTES).read_text().splitlines()
    (root / ATTRIBUTES).write_text("\n".join([*rows[:3], "000002.jpg 1 -1"]))
    with pytest.raises(BadFile, match="line 4: wanted are a file and 1 or -1 for 3 attributes"):
        CelebA(root=str(root), image_size=64).prepare()
    (root / ATTRIBUTES).write_text("\n".join(rows))
    (root / PARTITION).write_text("000001.jpg 0\n000002.jpg 3\n")
    with pytest.raises(BadFile, match="line 2: wanted are a file and 0, 1 or 2"):
        CelebA(root=str(root), image_size=64).prepare()
    (root / PARTITION).write_text("000001.jpg 0\n000002.jpg 1\n")
    with pytest.raises(BadFile, match=r"says nothing of 000003\.jpg"):
        CelebA(root=str(root), image_size=64).prepare()
    (root / PARTITION).unlink()
    with pytest.raises(UserError, match=r"list_eval_partition\.txt is missing"):
        CelebA(root=str(root), image_size=64).prepare()
    with pytest.raises(UserError, match="img_align_celeba: no such folder"):
        CelebA(root=str(root / "nowhere"), image_size=64).prepare()


def test_tasks_by_pattern_with_one_heads_options() -> None:
    own = ["data=celeba", "heads.classification.label_smoothing=0"]
    cfg = load(own, needs_data=False)
    assert len(cfg.tasks) == len(cfg.heads) == 40
    assert {head.label_smoothing for head in cfg.heads.values()} == {0}
    assert all(head.target == task for task, head in cfg.heads.items())
    few = load([*own, "tasks=[Male,Wearing_*,Ma?e]"], needs_data=False).tasks
    wearing = [f"Wearing_{what}" for what in ("Earrings", "Hat", "Lipstick", "Necklace", "Necktie")]
    assert few == ["Male", *wearing]


def test_one_of_the_tasks_may_have_options_of_its_own() -> None:
    own = ["data=celeba", "tasks=[Male,Young]", "head@heads.Male=classification"]
    heads = load([*own, "heads.Male.weight=2"], needs_data=False).heads
    assert (heads.Male.weight, heads.Young.weight) == (2, 1)


def test_options_of_one_without_a_head_of_its_own() -> None:
    own = ["data=celeba", "heads.Male.weight=2"]
    with pytest.raises(UserError, match=r"head@heads\.Male=classification beside it gives the"):
        load(own, needs_data=False)
    own = ["data=celeba", "head@heads.Male=classification", "heads.Male.wieght=2"]
    with pytest.raises(UserError, match=r"did you mean heads\.Male\.weight=1\.0 or"):
        load(own, needs_data=False)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("tasks=[Wears_*]", r"tasks=\[Wears_\*\]: no target 'Wears_\*'"),
        ("tasks=[Smilin]", "no head 'Smilin'; did you mean 'Smiling'"),
        ("data.each=classify", r"data\.each: no head 'classify'; did you mean 'classification'"),
        ("heads.classification.metrics=[acuracy]", "no metric 'acuracy'; did you mean 'accuracy'"),
    ],
)
def test_mistakes(own: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(["data=celeba", own], needs_data=False)
