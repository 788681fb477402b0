"""``data=nyud_mt``: indoor scenes in the layout of the papers on multi-task decoders.

``ROOT/{images,segmentation,depth,normals}/NAME`` and ``ROOT/gt_sets/{train,val}.txt`` with a name
each line (Maninis et al., 2019; Vandenhende et al., 2020). Papers measure on ``val``; here it is
the test split, and some of ``train`` are held out as val.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtl.data.image_format import ImageFormat
from mtl.data.sample import IGNORE_PIXEL, Sample, Target, TargetValue
from mtl.data.sources.base import DataSet, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.hold_out import beside_test, check_fractions, held_out_notes
from mtl.data.sources.map_files import MAP_SUFFIXES, MapFiles, Size, checked, fitted, plain_mask
from mtl.data.sources.text_file import likeliest, lines
from mtl.errors import BadFile, UserError

CLASSES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "other structure", "other furniture", "other prop",
)  # fmt: skip
"""The 40 of Gupta et al. (2013), in their order."""
FOLDERS = {"mask": "segmentation", "depth": "depth", "normals": "normals"}
"""Kind to the folder of its files."""
_IMAGES = (".jpg", ".png")
_LISTS: Mapping[Split, str] = {"train": "train", "test": "val"}


class NyudMtSource(FileSource):
    """Some of the pictures, with the maps that they have.

    Args:
        images: their files.
        maps: of each, kind to file.
        axes: factors of the normals' x, y and z.
    """

    def __init__(
        self, images: Sequence[Path], maps: Sequence[Mapping[str, Path]], axes: Sequence[float]
    ) -> None:
        self.images = list(images)
        self.maps = list(maps)
        self.reader = MapFiles(normals_axes=tuple(axes))
        self.format = ImageFormat()

    def __len__(self) -> int:
        return len(self.images)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.images[index])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.images[index]
        image, full = self.format.read(path, size)
        return Sample(
            image, str(path), self._targets(index, full, (image.shape[1], image.shape[0])), full
        )

    def annotations(self, index: int) -> Mapping[str, TargetValue]:
        """The maps, without the image."""
        full = self.format.size(self.images[index])
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """The image and its maps."""
        return [self.images[index], *self.maps[index].values()]

    def key(self) -> str:
        """How maps are read."""
        return f"{type(self).__qualname__}{self.reader.key()}"

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        return {
            kind: fitted(path, classes_from_one(path), full, shown)
            if kind == "mask"
            else self.reader.read(kind, path, full, shown)
            for kind, path in self.maps[index].items()
        }


class NyudMt(DataSet):
    """795 + 654 pictures: ``mask`` (40 classes), ``depth`` in metres, ``normals``.

    Maps are pictures, .npy or .mat files with one array. Edges, which these papers learn too, are
    no target.

    Args:
        root: the folder that holds ``images``.
        image_size: not needed.
        val_fraction: part of ``train`` that is held out as val, 0 to below 1.
        split_seed: of the choice, a hash of the names.
        normal_signs: what the files' x, y and z are multiplied by, so that they point right, down
            and towards the camera.

    Raises:
        UserError: ``val_fraction`` is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        val_fraction: float = 0.1,
        split_seed: int = 0,
        normal_signs: Sequence[int] = (1, 1, 1),
    ) -> None:
        del image_size
        check_fractions(val=val_fraction)
        self.root = Path(root)
        self.fractions: dict[Split, float] = {"val": val_fraction} if val_fraction else {}
        self.split_seed = split_seed
        self.signs = tuple(map(float, normal_signs))

    def prepare(self) -> None:
        """List the files.

        Raises:
            UserError: there are no images or no targets.
        """
        _ = self._splits, self.targets

    @property
    def targets(self) -> Mapping[str, Target]:
        """Those whose folder is there."""
        names = {"mask": CLASSES}
        return {kind: Target(kind, names.get(kind, ())) for kind in self._files}

    def decided(self) -> Sequence[str]:
        """The lists of the splits."""
        train, test = (self._list(split) for split in _LISTS)
        return [f"train: {train}", f"test: {test}, as papers measure"]

    def notes(self) -> Sequence[str]:
        """What is held out, and what has no folder."""
        chosen: list[Split] = [s for s in ("train", "val") for _ in self._splits[s]]
        said = held_out_notes(chosen, self.fractions, None)
        absent = [folder for kind, folder in FOLDERS.items() if kind not in self._files]
        return [*said, *([f"{self.root} has no folder {', '.join(absent)}"] if absent else [])]

    def split(self, split: Split) -> NyudMtSource | None:
        """That split, or None where it has no pictures."""
        names = self._splits[split]
        maps = [
            {kind: files[name] for kind, files in self._files.items() if name in files}
            for name in names
        ]
        images = [self._images.get(n, self.root / "images" / f"{n}.jpg") for n in names]
        return NyudMtSource(images, maps, self.signs) if names else None

    def _list(self, split: Split) -> Path:
        return self.root / "gt_sets" / f"{_LISTS[split]}.txt"

    @cached_property
    def _images(self) -> dict[str, Path]:
        return _by_name(self.root / "images", _IMAGES)

    @cached_property
    def _files(self) -> dict[str, dict[str, Path]]:
        """Kind to its files, by the names of their pictures."""
        found = {
            kind: _by_name(self.root / folder, (*_IMAGES, *MAP_SUFFIXES))
            for kind, folder in FOLDERS.items()
            if (self.root / folder).is_dir()
        }
        if not found:
            folders = ", ".join(FOLDERS.values())
            raise UserError(f"{self.root} has none of the folders {folders} beside images")
        return found

    @cached_property
    def _splits(self) -> Mapping[Split, list[str]]:
        if not self._images:
            raise UserError(
                f"{self.root} holds no images/*.jpg; data.root is the folder that holds images, "
                "gt_sets, segmentation and so on"
            )
        train, test = (self._names(split) for split in _LISTS)
        return beside_test(train, test, self.fractions, self.split_seed)

    def _names(self, split: Split) -> list[str]:
        try:
            return lines(likeliest(self._list(split)))
        except BadFile as error:
            raise UserError(f"{error}; it names the pictures of {split}, one a line") from None


def classes_from_one(path: Path) -> TargetValue:
    """(H, W) uint8 class indices of a file that counts from 1, where 0 is unknown.

    Raises:
        BadFile: it can't be read, or has other values.
    """
    numbers = {number: number - 1 for number in range(1, len(CLASSES) + 1)}
    unknown = {0: IGNORE_PIXEL, IGNORE_PIXEL: IGNORE_PIXEL}
    return checked(path, plain_mask(path), {**unknown, **numbers})


def _by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Files by their names without ending; of two of a name the one whose ending is likelier."""
    files = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in files if path.suffix.lower() in suffixes]
    found.sort(key=lambda path: suffixes.index(path.suffix.lower()), reverse=True)
    return {path.stem: path for path in found}
