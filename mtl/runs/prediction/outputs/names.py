"""Names under which what belongs to a picture is written."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mtl.files import printable


class Names:
    """File names that don't get in each other's way, upper and lower case alike.

    Args:
        tasks: whose arrays may lie beside the pictures as ``<stem>_<task>``.
        taken: stems that were given before.
    """

    def __init__(self, tasks: Sequence[str], taken: Iterable[str] = ()) -> None:
        self._endings = ("", *(f"_{task}" for task in tasks))
        self._taken = {name for stem in taken for name in self._all(stem)}

    def stem(self, path: Path) -> str:
        """A stem for a file's results: its own, numbered from 2 where that is taken.

        Bytes that are not UTF-8 are replaced, since predictions.json could not name such files.
        """
        own = printable(path.stem)
        number, stem = 1, own
        while self._taken & (names := self._all(stem)):
            number += 1
            stem = f"{own}_{number}"
        self._taken |= names
        return stem

    def _all(self, stem: str) -> set[str]:
        return {f"{stem}{ending}".lower() for ending in self._endings}
