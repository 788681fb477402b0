"""``data=voc2007`` and ``data=voc2012``: the Pascal VOC challenges (Everingham et al., 2010)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from mtl.data.sample import IGNORE_PIXEL
from mtl.data.sources.base import Split
from mtl.data.sources.voc_annotation import class_names
from mtl.data.sources.voc_folder import VocFolder
from mtl.data.sources.voc_layout import VocLayout
from mtl.errors import UserError

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
YEARS = (2007, 2012)


class Voc(VocFolder):
    """The 20 classes of one year's challenge, or some of them.

    With some classes only, images without any object of those are left out, other objects are
    dropped and other mask pixels become background. The year 2012 has no ``test`` of its own, as
    its annotations are not public.

    Args:
        root: folder that holds VOCdevkit/VOC<year>.
        year: 2007 or 2012.
        image_size: see VocFolder.
        download: fetch what is missing through torchvision.
        classes: names to keep, in the order of their indices; None keeps all 20.
        val_fraction: see VocFolder; it matters where there is no test set.
        split_seed: see VocFolder.

    Raises:
        UserError: an option is out of its range, or a name is no VOC class.
    """

    def __init__(
        self,
        *,
        root: str,
        year: int,
        image_size: int,
        download: bool = False,
        classes: Sequence[str] | None = None,
        val_fraction: float = 0.0,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            root=root,
            image_size=image_size,
            classes=VOC_CLASSES if classes is None else classes,
            val_fraction=val_fraction,
            split_seed=split_seed,
        )
        if year not in YEARS:
            raise UserError(f"data.year={year} must be one of {', '.join(map(str, YEARS))}")
        for name in self.classes:
            if name not in VOC_CLASSES:
                raise UserError(_unknown(name))
        self.year = year
        self.download = download
        self.dropped = set(VOC_CLASSES) - set(self.classes)

    def prepare(self) -> None:
        """Download if asked to, and check the folder.

        Raises:
            UserError: files are missing, or could not be downloaded.
        """
        if self.download:
            for image_set in ("trainval", "test") if self.year == 2007 else ("trainval",):
                self._fetch(image_set)
        super().prepare()

    def look(self) -> None:
        """The same, unless it is to be downloaded."""
        if not self.download:
            super().look()

    @cached_property
    def layout(self) -> VocLayout:
        """The year's folder, checked."""
        folder = self._folder()
        if folder is None:
            raise UserError(
                f"{self.root} has no VOCdevkit/VOC{self.year}; get it by data.download=true or set "
                "data.root= to the folder that has it"
            )
        layout = VocLayout(folder)
        layout.check()
        layout.check_train()
        return layout

    @property
    def mask_values(self) -> dict[int, int]:
        """The kept classes in their order; the others are background."""
        kept = {name: index for index, name in enumerate(self.classes, start=1)}
        values = {index: kept.get(name, 0) for index, name in enumerate(VOC_CLASSES, start=1)}
        return {0: 0, **values, IGNORE_PIXEL: IGNORE_PIXEL}

    def lists(self) -> Mapping[Split, list[str]]:
        """The official lists; Main decides where Segmentation puts an image into another split."""
        main = self.layout.main
        return {
            split: [name for name in names if main.get(name, split) == split]
            for split, names in self.layout.listed.items()
            if split != "test" or self.year == 2007
        }

    def keeps(self, name: str) -> bool:
        """Whether an image has any object of the kept classes."""
        if not self.dropped:
            return True
        file = self.layout.annotation(name)
        if not file.exists():
            return False
        names = class_names(file)
        return names is None or not names.isdisjoint(self.classes)

    def _folder(self) -> Path | None:
        name = f"VOC{self.year}"
        places = [self.root / "VOCdevkit" / name, self.root / name]
        if self.root.name == name:
            places.append(self.root)
        return next((place for place in places if (place / "ImageSets").is_dir()), None)

    def _fetch(self, image_set: str) -> None:
        folder = self._folder()
        lists = "train" if image_set == "trainval" else image_set
        if folder is not None and (folder / "ImageSets" / "Main" / f"{lists}.txt").is_file():
            return
        # Both tasks' files come in the one archive.
        from torchvision.datasets import VOCDetection

        self.root.mkdir(parents=True, exist_ok=True)
        try:
            VOCDetection(str(self.root), str(self.year), image_set, download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"VOC {self.year} {image_set} could not be downloaded to {self.root} "
                f"({' '.join(str(error).split())}); unpack its archive there yourself"
            ) from None


def _unknown(name: str) -> str:
    near = get_close_matches(name.lower(), VOC_CLASSES, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(VOC_CLASSES)}"
    return f"data.classes: {name!r} is no VOC class; {hint}"
