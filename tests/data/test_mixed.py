"""Several data sets through one network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import DataSet, Source, Split
from mtl.data.sources.mixed import Mixed, merged
from mtl.errors import UserError

SHAPES = ["data=mixed", "data@data.sets.one=shapes", "data@data.sets.two=shapes"]
SHAPES += [f"data.sets.{name}.{split}=4" for name in ("one", "two") for split in ("train", "val")]


class Few(Source):
    """Samples that are made as they are asked for."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def id(self, index: int) -> str:
        return self.samples[index].id

    def read(self, index: int, size: int | None = None) -> Sample:
        return self.samples[index]


class Cells(DataSet):
    """Boxes of two classes in black pictures."""

    names = ("red", "white")
    count = 3
    grey = 0

    def __init__(self, image_size: int) -> None:
        self.side = image_size

    @property
    def targets(self) -> dict[str, Target]:
        return {"boxes": Target("boxes", self.names), "label": Target("label", self.names)}

    def split(self, split: Split) -> Source | None:
        if split == "test":
            return None
        image = np.full((self.side, self.side, 3), self.grey, np.uint8)
        box = Boxes(np.array([[1, 1, 5, 5]], np.float32), np.array([1]), np.zeros(1, np.bool_))
        return Few(
            [Sample(image, f"{split}/{i}", {"boxes": box, "label": 1}) for i in range(self.count)]
        )


class Pets(Cells):
    """Of other classes, one in common, in white pictures; label is missing in all but one."""

    names = ("cat", "white")
    count = 6
    grey = 255

    def split(self, split: Split) -> Source | None:
        source = super().split(split)
        if isinstance(source, Few):
            for sample in source.samples[1:]:
                del sample.targets["label"]  # type: ignore[attr-defined]
        return source


def mixed(**options: Any) -> Mixed:
    nodes = {
        name: {"_target_": f"{__name__}.{kind}"} for name, kind in (("a", "Cells"), ("b", "Pets"))
    }
    defaults = {"merge": None, "sampling": "proportional", "temperature": 2.0, "shares": None}
    more = {"batches": "mixed", "only": None, "image_size": 8}
    data = Mixed(**{"sets": nodes, **defaults, **more, **options})
    data.prepare()
    return data


def test_targets_and_ids_carry_the_sets_names() -> None:
    data = mixed()
    assert list(data.targets) == ["a.boxes", "a.label", "b.boxes", "b.label"]
    source = data.split("train")
    assert source is not None
    # Evenly mixed: any three in a row hold one of a and two of b.
    ids = [source.id(index) for index in range(9)]
    assert [name[0] for name in ids] == list("bab" * 3)
    assert sorted(ids) == [f"a:train/{i}" for i in range(3)] + [f"b:train/{i}" for i in range(6)]
    found = source.read(1)
    assert (found.id, set(found.targets)) == ("a:train/0", {"a.boxes", "a.label"})
    assert set(source.read(2).targets) == {"b.boxes"}
    assert data.split("test") is None
    image = data.image("val", "b:val/3")
    assert image is not None
    assert image.min() == 255
    assert data.image("val", "c:val/3") is None


def test_merged_boxes_say_nothing_of_classes_that_their_set_does_not_know() -> None:
    data = mixed(merge={"boxes": ["a.boxes", "b.boxes"]})
    assert list(data.targets) == ["a.label", "b.label", "boxes"]
    assert data.targets["boxes"].classes == ("red", "white", "cat")
    source = data.split("train")
    assert source is not None
    own, other = source.read(1).targets["boxes"], source.read(0).targets["boxes"]
    assert own.labels.tolist() == other.labels.tolist() == [1]
    assert own.looked_for.tolist() == [True, True, False]
    assert other.looked_for.tolist() == [False, True, True]


def test_what_cannot_be_merged_is_refused() -> None:
    two = {"a.mask": Target("mask", ("background", "cell")), "b.mask": Target("mask", ("x", "pet"))}
    with pytest.raises(UserError, match="masks of other classes can't be merged"):
        merged("mask", two)
    heights = {
        "a.n": Target("numbers", ["height"], units=["m"]),
        "b.n": Target("numbers", ["height"], units=["cm"]),
    }
    with pytest.raises(UserError, match=r"height has another unit in a\.n"):
        merged("n", heights)


def test_only_some_sets_are_used_and_keep_the_numbering_of_all() -> None:
    data = mixed(merge={"boxes": ["a.boxes", "b.boxes"]}, only=["b"])
    source = data.split("val")
    assert source is not None
    assert len(source) == 6
    assert data.targets["boxes"].classes == ("red", "white", "cat")


def test_what_the_files_lack_is_not_merged_and_empty_shares_are_said() -> None:
    assert "mask" not in mixed(merge={"mask": ["a.mask", "b.mask"]}).targets
    data = mixed(shares={"a": 0, "b": 1}, only=["a"])
    source = data.split("train")
    assert source is not None
    with pytest.raises(UserError, match="a share above 0 have no sample"):
        data.shares(source)


@pytest.mark.parametrize(
    ("options", "quotas"),
    [
        ({"sampling": "equal"}, [4, 5]),  # 4.5 each: ties go to the later by stable order of rests
        ({"sampling": "temperature", "temperature": 1.0}, [3, 6]),
        ({"shares": {"a": 2, "b": 1}}, [6, 3]),
        ({"batches": "apart"}, [3, 6]),
    ],
)
def test_shares_of_the_sets(options: dict[str, Any], quotas: list[int]) -> None:
    data = mixed(**options)
    source = data.split("train")
    assert source is not None
    shares = data.shares(source)
    assert shares is not None
    assert sum(shares.quotas()) == 9
    assert sorted(shares.quotas()) == sorted(quotas)
    assert shares.groups.tolist() == [1, 0, 1] * 3


def test_without_options_each_sample_comes_once() -> None:
    source = mixed().split("train")
    assert source is not None
    assert mixed().shares(source) is None


def composed(*overrides: str) -> Any:
    return load([*SHAPES, *overrides], needs_data=False)


def test_a_mixture_is_composed_set_by_set() -> None:
    cfg = composed(
        "data.merge={boxes: [one.boxes, two.boxes]}",
        "data.sets.one.limit=7",
        "tasks=[detection,two]",
        "head@heads.two=classification",
        "image_size=32",
    )
    assert cfg.heads.detection.target == "boxes"
    # A task that is named like a set learns from that set.
    assert cfg.heads.two.target == "two.label"
    node = OmegaConf.to_container(cfg.data)
    assert isinstance(node, dict)
    assert node["targets"]["boxes"] == "boxes"
    assert "workers" not in node["sets"]["one"]
    assert node["sets"]["one"]["limit"] == 7


def test_sets_in_memory_become_one_array_with_each_ones_labels_alone() -> None:
    cfg = composed(
        "data.sets.one.limit=4",
        "data.sets.two.limit=2",
        "tasks=[one]",
        "head@heads.one=classification",
        "image_size=32",
        "data.sampling=equal",
        "batch_size=6",
        "augmentation=none",
    )
    data = build_data(cfg)
    data.prepare_data()
    batch = next(iter(data.train_dataloader()))
    names = [name.partition(":")[0] for name in batch.ids]
    assert sorted(names) == ["one"] * 3 + ["two"] * 3
    labelled = batch.targets["one.label"].index.tolist()
    assert labelled == [place for place, name in enumerate(names) if name == "one"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.sets.one.workers=2"], r"data\.sets\.one\.workers: is one for all sets"),
        (["data.merge={x: [one.boxes]}"], r"data\.merge\.x=\[one\.boxes\]: write a list"),
        (["data.merge={x: [one.boxes,two.box]}"], "no target 'two.box'; did you mean"),
        (["data.merge={x: [one.boxes,two.label]}"], "is of several kinds"),
        (["data.shares={one: 1}"], "has no number for two"),
        (["data.shares={one: 0,two: 0}"], "all of them are 0"),
        (["data.shares={one: 1,three: 1}"], "no set 'three'"),
        (["data.only=[three]"], "no set 'three'"),
        (["data.augmentations={one: {rotat: 3}}"], "no option 'rotat'; did you mean 'rotate'"),
        (["data.augmentations={one: {angles: [90]}}"], "is one for all sets"),
        (
            ["data.augmentations={one: {rotate: 300}}"],
            "rotate=300: must be at least 0 and at most 180",
        ),
        (["data@data.sets.x=shape"], "no data 'shape'; did you mean 'shapes'"),
        (["data@elsewhere=shapes"], r"come in by data@data\.sets\.NAME="),
        (["tasks=[classification]"], r"could learn from one\.label, two\.label"),
    ],
)
def test_mistakes(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        composed("tasks=[one]", "head@heads.one=classification", *overrides)


def test_mixed_alone_says_what_it_needs() -> None:
    with pytest.raises(UserError, match=r"write data@data\.sets\.NAME=voc_folder for each"):
        load(["data=mixed"], needs_data=False)
    with pytest.raises(UserError, match="needs data=mixed"):
        load(["data@data.sets.x=shapes"], needs_data=False)


def test_a_sets_own_augmentation(tmp_path: Path) -> None:
    cfg = composed(
        "data.sets.one.limit=2",
        "data.sets.two.limit=2",
        "tasks=[one]",
        "head@heads.one=classification",
        "image_size=32",
        "batch_size=4",
        "augmentation=none",
        "data.augmentations={two: {hflip: 1.0}}",
        "data.workers=0",
    )
    data = build_data(cfg)
    data.prepare_data()
    batch = next(iter(data.train_dataloader()))
    for name, image in zip(batch.ids, batch.image, strict=True):
        plain = data.data_set.image("train", name)
        assert plain is not None
        wanted = plain[:, ::-1] if name.startswith("two:") else plain
        assert np.array_equal(image.permute(1, 2, 0).numpy(), wanted)
