"""Starting on a table of a million images."""

import random
from pathlib import Path

from PIL import Image

from benchmarks.results import Entry
from benchmarks.starting import starts

ROWS = 1_000_000
KINDS = ("cat", "dog", "horse", "bird", "fish")
FIRST = 60.0


def table_index() -> dict[str, Entry]:
    """Seconds of the first and of the second start, and the memory of one that reads samples."""
    return starts(
        "table_index",
        f"a table of {ROWS:,} images",
        FIRST,
        generate,
        "from mtl.data.sources.csv_table import CsvTable",
        'CsvTable(root=folder, image_size=224, index_dir=folder + "/index")',
    )


def generate(root: Path) -> None:
    """A table with labels, lists of labels and a number, and the first of its images."""
    draw = random.Random(0)
    with (root / "table.csv").open("w") as out:
        out.write("image,kind,tags,height\n")
        for row in range(ROWS):
            tags = ";".join(draw.sample(KINDS, draw.randint(0, 3)))
            out.write(
                f"images/{row % 1000:03d}/{row:08d}.jpg,{draw.choice(KINDS)},{tags},"
                f"{draw.uniform(0, 2):.3f}\n"
            )
    folder = root / "images" / "000"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "00000000.jpg")
