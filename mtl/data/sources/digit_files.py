"""Reading MNIST and sets like it (Fashion-MNIST, KMNIST): small grey pictures of ten classes.

Copies of them come in three forms, all of which are read: the published idx files (LeCun et al.,
1998), folders ``train/CLASS/*.png``, and tables with a row of 784 pixels and a label per picture.
"""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mtl.data.image_file import IMAGE_SUFFIXES, read_image
from mtl.data.sources.folder_files import files_below, folders_in, split_of
from mtl.errors import BadFile, UserError
from mtl.words import counted

SIDE = 28
CLASSES = 10
Part = Literal["train", "test"]
Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""(N, 28, 28) grey pictures and their (N,) class indices."""

_IDX: Mapping[Part, str] = {"train": "train", "test": "t10k"}
_BELOW = ("", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw")
"""Where torchvision puts the idx files."""


def read_digits(root: Path, key: str, names: Sequence[str]) -> dict[Part, Digits]:
    """Both parts of a set, or ``train`` alone where the copy is in one piece.

    Args:
        root: the folder.
        key: the configuration's name for it, for messages.
        names: of the ten classes, which folders may be called by instead of 0 to 9.

    Raises:
        UserError: the folder holds none of the three forms.
        BadFile: a file can't be read, or is not what its name says.
    """
    found = _from_idx(root) or _from_folders(root, names) or _from_tables(root)
    if "train" not in found:
        raise UserError(
            f"{key}={root} holds no training pictures: wanted are {_IDX['train']}-images-idx3-ubyte"
            " and its labels, folders train/0 to train/9 of pictures, or a table (.csv, .csv.gz) "
            "with 784 pixels and a label in each row"
        )
    return found


def _from_idx(root: Path) -> dict[Part, Digits]:
    found: dict[Part, Digits] = {}
    for part, name in _IDX.items():
        images = _first_there(root, f"{name}-images-idx3-ubyte")
        labels = _first_there(root, f"{name}-labels-idx1-ubyte")
        if images is not None and labels is not None:
            pixels, classes = _read_idx(images, 3), _read_idx(labels, 1)
            found[part] = _checked(images, pixels, classes)
    return found


def _first_there(root: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    files = (
        root / below / f"{stem}{end}"
        for below in _BELOW
        for stem in (name, dotted)
        for end in ("", ".gz")
    )
    return next((path for path in files if path.is_file()), None)


def _read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    content = _content(path)
    head = np.frombuffer(content[: len(content) // 4 * 4][: 4 + 4 * axes], ">u4")
    if len(head) <= axes or head[0] != 0x0800 + axes:
        raise BadFile(path, f"is no idx file of bytes with {axes} axes")
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    shape = [int(length) for length in head[1:]]
    if values.size != np.prod(shape, dtype=np.int64):
        raise BadFile(path, f"holds {values.size} bytes instead of {' x '.join(map(str, shape))}")
    return values.reshape(shape)


def _from_folders(root: Path, names: Sequence[str]) -> dict[Part, Digits]:
    found: dict[Part, Digits] = {}
    for part in _IDX:
        images: list[npt.NDArray[np.uint8]] = []
        labels: list[int] = []
        for folder in [f for f in folders_in(root) if split_of(f.name) == part]:
            for inner in folders_in(folder):
                index = _class_of(inner, names)
                files = [p for p in files_below(inner) if p.suffix.lower() in IMAGE_SUFFIXES]
                images += map(_grey, files)
                labels += [index] * len(files)
        if images:
            found[part] = np.stack(images), np.array(labels, np.int64)
    return found


def _class_of(folder: Path, names: Sequence[str]) -> int:
    name = folder.name
    if name in names:
        return list(names).index(name)
    if name.isascii() and name.isdigit() and int(name) < CLASSES:
        return int(name)
    raise BadFile(folder, f"is no class: its name is none of 0 to 9, nor of {', '.join(names)}")


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    image, _ = read_image(path)
    if image.shape[:2] != (SIDE, SIDE):
        height, width = image.shape[:2]
        raise BadFile(path, f"has {width} x {height} pixels instead of {SIDE} x {SIDE}")
    return image[..., 0]


def _from_tables(root: Path) -> dict[Part, Digits]:
    tables = [p for p in files_below(root) if p.name.lower().endswith((".csv", ".csv.gz"))]
    if len(tables) == 1:
        return {"train": _read_table(tables[0])}
    found: dict[Part, Digits] = {}
    for part in ("train", "test"):
        named = [path for path in tables if part in path.name.lower()]
        if len(named) == 1:
            found[part] = _read_table(named[0])
    return found


def _read_table(path: Path) -> Digits:
    lines = _content(path).decode("ascii", "replace").splitlines()
    names = lines[0].lower().replace('"', "").split(",") if lines else []
    header = [name.strip() for name in names]
    named = bool(header) and not header[0].isdigit()
    try:
        values = np.loadtxt(lines[named:], np.int64, delimiter=",", ndmin=2)
    except ValueError as error:
        raise BadFile(path, f"is no table of whole numbers: {error}") from error
    if values.shape[1] != SIDE * SIDE + 1:
        columns = counted(values.shape[1], "column")
        raise BadFile(path, f"has {columns} instead of {SIDE * SIDE} pixels and a label")
    if "label" in header:
        place = header.index("label")
    else:
        place = 0 if _tells_classes(values[:, 0]) else SIDE * SIDE
    labels, pixels = values[:, place], np.delete(values, place, 1)
    if pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255:
        raise BadFile(path, "holds pixels that are not within 0 to 255")
    return _checked(path, pixels.astype(np.uint8).reshape(-1, SIDE, SIDE), labels)


def _tells_classes(column: npt.NDArray[np.int64]) -> bool:
    """Whether a column without a name holds labels: a corner's pixel is mostly 0."""
    return bool(np.median(column) > 0 and column.max() < CLASSES)


def _checked(path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.generic]) -> Digits:
    if images.shape != (len(labels), SIDE, SIDE):
        shape = " x ".join(map(str, images.shape))
        raise BadFile(path, f"holds {shape} pixels for {counted(len(labels), 'label')}")
    classes = labels.astype(np.int64)
    if len(classes) and not 0 <= classes.min() <= classes.max() < CLASSES:
        raise BadFile(path, f"has labels that are not all within 0 to {CLASSES - 1}")
    return images, classes


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadFile(path, f"can't be read: {reason}") from error
