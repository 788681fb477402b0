"""Small files in COCO's format."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mtl.data.sources.coco import CocoSet
from mtl.data.sources.coco_source import CocoSource

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
"""Ids with gaps, not in their order."""


def images(*names: str, width: int = 20, height: int = 10, **more: Any) -> list[dict[str, Any]]:
    """Ids 10, 20, ..."""
    size = {"width": width, "height": height}
    return [
        {"id": 10 * place, "file_name": name, **size, **more}
        for place, name in enumerate(names, start=1)
    ]


def annotation(image: int, category: int, box: Sequence[float], **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image, "category_id": category, "bbox": list(box), **more}


def write(
    path: Path,
    listed: list[dict[str, Any]],
    annotations: list[Any],
    categories: list[dict[str, Any]] = CATEGORIES,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"info": {}, "images": listed, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def pictures(folder: Path, *names: str, width: int = 20, height: int = 10) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(folder / name)


def opened(root: Path, **options: Any) -> CocoSet:
    data = CocoSet(root=str(root), image_size=16, **{"index_dir": str(root / "index"), **options})
    data.prepare()
    return data


def source_of(data: CocoSet, split: Any = "train") -> CocoSource:
    source = data.split(split)
    assert source is not None
    return source
