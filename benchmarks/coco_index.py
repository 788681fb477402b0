"""Starting on as many images in COCO's format as COCO 2017 trains on."""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.results import Entry, rounded
from benchmarks.surroundings import surroundings

IMAGES, OBJECTS, CLASSES = 118_000, 860_000, 80
READ = 2000
"""Samples that are read in a process of their own."""
GOALS = {"first": 30.0, "second": 5.0, "worker": 500.0}
"""Seconds of the first and of any other start; MB of a process that reads samples."""
CHILD = """
import json, sys, time
from pathlib import Path
from benchmarks.processes import number
from mtl.data.sources.coco import CocoSet

def resident():
    return number(Path("/proc/self/status"), "VmRSS:") / 1000

imported, start = resident(), time.perf_counter()
data = CocoSet(root=sys.argv[1], image_size=224, index_dir=sys.argv[1] + "/index", val_fraction=0)
data.prepare()
source = data.split("train")
seconds = time.perf_counter() - start
objects = sum(len(source.annotations(row)["boxes"]) for row in range(int(sys.argv[2])))
told = {"seconds": seconds, "mb": resident() - imported, "images": len(source), "objects": objects}
print(json.dumps(told))
"""
"""A process that has inherited nothing: all that it holds is its own."""


def coco_index() -> dict[str, Entry]:
    """Seconds of the first and of the second start, and the memory of one that reads samples."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        told = {"first": _start(folder, 0), "second": _start(folder, READ)}
    numbers = {
        "first": told["first"]["seconds"],
        "second": told["second"]["seconds"],
        "worker": told["second"]["mb"],
    }
    what = {
        "first": "seconds of the first start on 118,000 images in COCO's format",
        "second": "seconds of the second start on them",
        "worker": f"MB beyond the import of a process that reads {READ:,} of them",
    }
    return {
        f"coco_index/{name}": Entry(
            rounded(number / GOALS[name]),
            1,
            "lower",
            f"{what[name]}, over {GOALS[name]:g}",
            {"measured": rounded(number), "starts": told, **surroundings()},
        )
        for name, number in numbers.items()
    }


def generate(root: Path) -> None:
    """A json file of the size of ``instances_train2017.json``, and the images that are read."""
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
    picture = folder / f"{0:012d}.jpg"
    Image.new("RGB", (640, 480)).save(picture)
    for number in range(1, READ):
        os.link(picture, folder / f"{number:012d}.jpg")


def _start(folder: str, read: int) -> dict[str, float]:
    command = [sys.executable, "-c", CHILD, folder, str(read)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told
