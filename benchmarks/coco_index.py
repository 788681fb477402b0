"""Starting on as many images in COCO's format as COCO 2017 trains on."""

import json
import os
import random
from pathlib import Path

from PIL import Image

from benchmarks.results import Entry
from benchmarks.starting import starts

IMAGES, OBJECTS, CLASSES = 118_000, 860_000, 80
FIRST = 30.0
LINKS = 50_000
"""Names of one file; file systems have a limit."""


def coco_index() -> dict[str, Entry]:
    """Seconds of the first and of the second start, and the memory of one that reads samples."""
    return starts(
        "coco_index",
        f"{IMAGES:,} images in COCO's format",
        FIRST,
        generate,
        "from mtl.data.sources.coco import CocoSet",
        'CocoSet(root=folder, image_size=224, index_dir=folder + "/index")',
    )


def generate(root: Path) -> None:
    """A json file of the size of ``instances_train2017.json``, and the images."""
    draw = random.Random(0)
    shapes = [
        json.dumps([[round(draw.uniform(0, 480), 2) for _ in range(2 * draw.randint(10, 40))]])
        for _ in range(500)
    ]
    images = (
        f'{{"license": 3, "file_name": "{n:012d}.jpg", "coco_url": '
        f'"http://images.cocodataset.org/train2017/{n:012d}.jpg", "height": 480, "width": 640, '
        f'"date_captured": "2013-11-14 11:18:45", "id": {n}}}'
        for n in range(IMAGES)
    )
    objects = (
        f'{{"segmentation": {draw.choice(shapes)}, "area": 702.1057, "iscrowd": 0, "image_id": '
        f'{draw.randrange(IMAGES)}, "bbox": [{draw.uniform(0, 300):.2f}, '
        f"{draw.uniform(0, 200):.2f}, {draw.uniform(1, 300):.2f}, {draw.uniform(1, 200):.2f}], "
        f'"category_id": {draw.randint(1, CLASSES)}, "id": {number}}}'
        for number in range(OBJECTS)
    )
    classes = (f'{{"id": {n}, "name": "class {n}"}}' for n in range(1, CLASSES + 1))
    file = root / "annotations" / "instances_train2017.json"
    file.parent.mkdir()
    with file.open("w") as out:
        for start, items in (
            ('{"images": [', images),
            ('], "annotations": [', objects),
            ('], "categories": [', classes),
        ):
            out.write(start)
            for place, item in enumerate(items):
                out.write(f", {item}" if place else item)
        out.write("]}")
    folder = root / "train2017"
    folder.mkdir()
    for number in range(IMAGES):
        path = folder / f"{number:012d}.jpg"
        if number % LINKS == 0:
            Image.new("RGB", (640, 480)).save(path)
            picture = path
        else:
            os.link(picture, path)
