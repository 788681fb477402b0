"""``formats=[coco]``: results as COCO's evaluation reads them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtl.errors import UserError
from mtl.files import whole_text
from mtl.runs.prediction.decider import Speaker
from mtl.runs.prediction.journal import JsonLine, Journal, as_json
from mtl.runs.prediction.outputs.base import Output

KEYS = ("category_id", "bbox", "segmentation", "keypoints", "score")


class Coco(Output):
    """``<task>_coco.json`` for each task that finds objects, and which image has which id.

    Ids are the numbers that the files are called by, as COCO's own are; where one is called
    otherwise, or two alike, they are counted from 1 in the order of the journal.
    ``<task>_coco_images.json`` lists images and categories, which are numbered from 0.

    Raises:
        UserError: no task finds objects.
    """

    def __init__(self, folder: Path, tasks: Mapping[str, Speaker]) -> None:
        super().__init__(folder, tasks)
        self.keys = {t: s.coco_key for t, s in tasks.items() if s.coco_key is not None}
        if not self.keys:
            raise UserError(
                f"formats=[coco]: none of the tasks ({', '.join(tasks)}) finds objects; "
                "choose json, jsonl or csv"
            )

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """Entry by entry."""
        named = _have_numbers(journal)
        for task, key in self.keys.items():
            with whole_text(self.folder / f"{task}_coco.json") as file:
                separator = "["
                for number, entry in _numbered(journal, named):
                    for found in entry.get(task, {}).get(key, ()):
                        result = {"image_id": number} | {k: found[k] for k in KEYS if k in found}
                        file.write(f"{separator}\n{as_json(result)}")
                        separator = ","
                file.write("]\n" if separator == "," else "[]\n")
            self._write_images(journal, named, task)
        return [f"{task}_coco.json" for task in self.keys]

    def _write_images(self, journal: Journal, named: bool, task: str) -> None:
        target = self.tasks[task].target
        points = {"keypoints": list(target.keypoints)} if target.keypoints else {}
        categories = [
            {"id": number, "name": name, **points} for number, name in enumerate(target.classes)
        ]
        with whole_text(self.folder / f"{task}_coco_images.json") as file:
            file.write(f'{{"categories": {as_json(categories)},\n"annotations": [],\n"images": [')
            for place, (number, entry) in enumerate(_numbered(journal, named)):
                image = {"id": number, "file_name": entry["file"]}
                image |= {key: entry[key] for key in ("frame", "width", "height") if key in entry}
                file.write(f"{',' if place else ''}\n{as_json(image)}")
            file.write("]}\n")


def _pictures(journal: Journal) -> Iterator[JsonLine]:
    return (entry for entry in journal.entries() if "width" in entry)


def _numbered(journal: Journal, named: bool) -> Iterator[tuple[int, JsonLine]]:
    for count, entry in enumerate(_pictures(journal), 1):
        yield int(Path(entry["file"]).stem) if named else count, entry


def _have_numbers(journal: Journal) -> bool:
    """Whether every picture is called by a number of its own."""
    seen: set[int] = set()
    for entry in _pictures(journal):
        stem = Path(entry["file"]).stem
        if not (stem.isascii() and stem.isdecimal()) or int(stem) in seen:
            return False
        seen.add(int(stem))
    return True
