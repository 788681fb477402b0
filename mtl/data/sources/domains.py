"""``data=office31``, ``office_home``, ``pacs``: domains of the same classes, a task each."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.class_folders import ClassFolderSource, Item
from mtl.data.sources.folder_files import files_below, folders_in
from mtl.data.sources.hold_out import check_fractions, hold_out
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import counted


class Domains(DataSet):
    """``root/DOMAIN/CLASS/*`` or ``root/DOMAIN/images/CLASS/*``; each domain is a target.

    Args:
        root: the folder.
        image_size: not needed, since sources are told at each reading.
        domains: names of the targets; a folder may be spelled with capitals, spaces or hyphens.
        val_fraction: share of each domain's classes held out as ``val``, by a hash of their paths.
        test_fraction: likewise as ``test``.
        split_seed: of the hash.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        domains: Sequence[str],
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.root = Path(root)
        self.domains = tuple(domains)
        given: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.fractions = {split: share for split, share in given.items() if share}
        self.split_seed = split_seed

    def prepare(self) -> None:
        """List the folders.

        Raises:
            UserError: a domain has no folder, or no class in it.
        """
        _ = self._splits, self._classes

    @property
    def targets(self) -> Mapping[str, Target]:
        """The domains, all with the same classes: the sorted names of their folders."""
        names = tuple(map(printable, self._classes))
        return {domain: Target("label", names) for domain in self.domains}

    def decided(self) -> Sequence[str]:
        """The domains' folders and the classes."""
        folders = [f"{domain}: {folder}" for domain, folder in self._folders.items()]
        classes = f"classes: the names of {counted(len(self._classes), 'folder')} in them, sorted"
        return [*map(printable, folders), classes]

    def notes(self) -> Sequence[str]:
        """How many of the images each split has."""
        total = sum(map(len, self._splits.values()))
        return [
            f"{split} is {len(self._splits[split])} of {counted(total, 'image')}, by a hash of "
            f"their names in each class (data.{split}_fraction={share:g})"
            for split, share in self.fractions.items()
        ]

    def split(self, split: Split) -> ClassFolderSource | None:
        """That split, or None where nothing is held out."""
        items = self._splits[split]
        return ClassFolderSource(items, self._classes) if items else None

    @cached_property
    def _folders(self) -> dict[str, Path]:
        there = {_plain(folder.name): folder for folder in folders_in(self.root)}
        absent = [domain for domain in self.domains if _plain(domain) not in there]
        if absent:
            raise UserError(f"{self.root} has no folder {', '.join(absent)}; set data.root=FOLDER")
        found = {domain: there[_plain(domain)] for domain in self.domains}
        return {d: f / "images" if (f / "images").is_dir() else f for d, f in found.items()}

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        names = {f.name for folder in self._folders.values() for f in folders_in(folder)}
        if not names:
            raise UserError(f"{self.root}: the domains' folders hold no folders of classes")
        return tuple(sorted(names))

    @cached_property
    def _splits(self) -> Mapping[Split, list[Item]]:
        found: dict[Split, list[Item]] = {split: [] for split in SPLITS}
        for domain, folder in self._folders.items():
            for inner in folders_in(folder):
                files = [p for p in files_below(inner) if p.suffix.lower() in PICTURE_SUFFIXES]
                names = [path.relative_to(self.root).with_suffix("").as_posix() for path in files]
                splits, _ = hold_out(names, self.fractions, self.split_seed)
                label = self._classes.index(inner.name)
                for path, split in zip(files, splits, strict=True):
                    found[split].append((path, domain, label))
        return found


def _plain(name: str) -> str:
    """A folder's name as it is compared."""
    return name.lower().replace(" ", "_").replace("-", "_")
