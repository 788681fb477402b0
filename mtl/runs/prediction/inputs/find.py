"""Which images a user means by a path."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from mtl.data.image_file import IMAGE_SUFFIXES
from mtl.errors import UserError

T = TypeVar("T")


def find_images(given: str) -> list[Path]:
    """The images behind a path, sorted by name.

    Args:
        given: a file, a folder (its own images, not those in folders inside it), or a glob, in
            which ``**`` goes into folders.

    Raises:
        UserError: there are none.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [p for p in path.iterdir() if _shown(p) and p.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise UserError(
                f"input={given}: no image lies in this folder ({', '.join(IMAGE_SUFFIXES)}); "
                f"for folders inside it write 'input={given}/**/*.jpg'"
            )
        return sorted(found)
    if not glob.has_magic(given):
        raise UserError(f"input={given}: no such file or folder")
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - absolute patterns too
    found = [p for p in map(Path, matches) if _shown(p)]
    if not found:
        raise UserError(f"input={given}: no file matches")
    return sorted(found)


def _shown(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def in_batches(items: Iterable[tuple[T, int]], most: int, most_weight: int) -> Iterator[list[T]]:
    """Group items in order.

    Args:
        items: pairs of an item and its weight.
        most: items of a group.
        most_weight: of a group; a single item may weigh more.
    """
    group: list[T] = []
    weight = 0
    for item, its_weight in items:
        if group and (len(group) == most or weight + its_weight > most_weight):
            yield group
            group, weight = [], 0
        group.append(item)
        weight += its_weight
    if group:
        yield group
