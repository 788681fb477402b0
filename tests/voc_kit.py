"""What the tests of VOC's layouts read of a data set."""

from pathlib import Path

from mtl.data.sample import Boxes, Sample
from mtl.data.sources.base import SPLITS, DataSet, Source
from mtl.data.sources.voc_folder import VocFolder


def opened(root: Path, **options: object) -> VocFolder:
    data = VocFolder(root=str(root), image_size=32, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def split_of(data: DataSet, split: str = "train") -> Source:
    source = data.split(split)  # type: ignore[arg-type]
    assert source is not None
    return source


def boxes_of(sample: Sample) -> Boxes:
    boxes = sample.targets["boxes"]
    assert isinstance(boxes, Boxes)
    return boxes


def ids_of(data: DataSet) -> dict[str, list[str]]:
    return {
        split: [Path(source.id(i)).stem for i in range(len(source))]
        for split in SPLITS
        if (source := data.split(split)) is not None
    }
