"""Maps of pixels in files beside their images: masks, depths and normals."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from mtl.config.nearest import unknown
from mtl.data.array_file import why_no_array
from mtl.data.image_file import read_image, read_mask
from mtl.data.sample import IGNORE_PIXEL
from mtl.data.sources.text_file import likeliest, lines, read_bytes
from mtl.errors import BadFile, UserError

Size = tuple[int, int]
Array = npt.NDArray[Any]
ARRAY_SUFFIXES = (".npy", ".mat")
MAP_SUFFIXES = (".png", *ARRAY_SUFFIXES, ".tif", ".tiff", ".bmp", ".webp", ".gif")
"""What a map is read from, the likeliest first; JPEG changes values."""
NUMBERS = "biuf"
"""Kinds of dtypes."""
BACKGROUND, IGNORED = "background", "ignored"
CLASS_FILE = "classes.txt"
_EMPTY = frozenset({BACKGROUND, "__background__", "null", "none", "unlabeled", "unlabelled"})


Others = Literal["error", "background", "ignored"]


class MapOptions(TypedDict, total=False):
    """Options of data sets with maps, which they hand on; see ``MapFiles``."""

    palette: Mapping[str, int | Sequence[int]] | None
    others: Others
    depth_scale: float
    depth_unknown: float
    normals_axes: Sequence[float]


def map_files(classes: Sequence[str], options: MapOptions) -> MapFiles:
    """``MapFiles`` of options as a yaml has them.

    Args:
        classes: of masks; see ``MapFiles``.
        options: those that are given.

    Raises:
        UserError: there is no such option, or see ``MapFiles``.
    """
    for name in options:
        if name not in MapOptions.__annotations__:
            raise UserError(f"data: {unknown('option', name, MapOptions.__annotations__)}")
    given: dict[str, Any] = {**options, "palette": dict(options.get("palette") or {})}
    if "normals_axes" in given:
        given["normals_axes"] = tuple(given["normals_axes"])
    return MapFiles(classes=tuple(classes), **given)


@dataclass(frozen=True)
class MapFiles:
    """How the files of maps are read.

    Args:
        classes: of masks, from value 1 on; needed where there are masks and no palette, which
            goes before them.
        palette: class to the colour (r, g, b) or the value that it has in the files of masks;
            ``background`` and ``ignored`` may be among them.
        others: what becomes of colours or values that are not in the palette.
        depth_scale: metres per unit of depths in pictures.
        depth_unknown: the value of depths that says nothing.
        normals_axes: factors of x, y and z that bring the files' normals to x right, y down, z
            towards the camera.

    Raises:
        UserError: a palette names something else than colours or values.
    """

    classes: tuple[str, ...] = ()
    palette: Mapping[str, int | Sequence[int]] = field(default_factory=dict)
    others: Others = "error"
    depth_scale: float = 0.001
    depth_unknown: float = 0.0
    normals_axes: Sequence[float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name, code in self.palette.items():
            parts = [code] if isinstance(code, int) else list(code)
            fit = all(isinstance(part, int) and 0 <= part < 256 for part in parts)
            if len(parts) not in (1, 3) or not fit:
                raise UserError(
                    f"data.palette.{name}={code}: give [red, green, blue] of 0 to 255, or one value"
                )
        codes = [str(code) for code in self.palette.values()]
        if len(set(codes)) < len(codes):
            raise UserError("data.palette: two classes have the same colour")

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of masks, the background first.

        Raises:
            UserError: nobody named them.
        """
        own = self.classes
        if self.palette:
            own = tuple(name for name in self.palette if name not in (BACKGROUND, IGNORED))
        if not own:
            raise UserError(
                "nobody names the classes of the masks: write data.classes in the order of the "
                f"values from 1 on, data.palette, or a line each into {CLASS_FILE} in data.root"
            )
        return (BACKGROUND, *own)

    def read(self, kind: str, path: Path, full: Size, shown: Size) -> Array:
        """One map.

        Args:
            kind: ``mask``, ``depth`` or ``normals``.
            path: of its file.
            full: (width, height) of the image.
            shown: of the image as it was decoded; the map is brought to that.

        Raises:
            BadFile: it can't be read, is of another size than the image, or says something that
                can't be.
        """
        readers: dict[str, Callable[[Path], Array]] = {
            "mask": self._mask,
            "depth": self._depth,
            "normals": self._normals,
        }
        return fitted(path, readers[kind](path), full, shown)

    def key(self) -> str:
        """A text that differs whenever the same files would give other maps."""
        return f"{self}"

    def _mask(self, path: Path) -> npt.NDArray[np.uint8]:
        if not self.palette:
            allowed = [*range(len(self.classes) + 1), IGNORE_PIXEL]
            return checked(path, plain_mask(path), {value: value for value in allowed})
        coloured = any(not isinstance(code, int) for code in self.palette.values())
        pixels = _colours(path) if coloured else read_mask(path).astype(np.int64)
        classes = {name: index for index, name in enumerate(self.names)} | {IGNORED: IGNORE_PIXEL}
        left = {BACKGROUND: 0, IGNORED: IGNORE_PIXEL}.get(self.others)
        codes, places = np.unique(pixels, return_inverse=True)
        table = {_code(code): classes[name] for name, code in self.palette.items()}
        for code in codes.tolist():
            if code not in table and left is None:
                what = f"colour {list(_parts(code))}" if coloured else f"value {code}"
                raise BadFile(
                    path,
                    f"has pixels of {what}, which data.palette doesn't name; data.others="
                    "background or ignored takes what it doesn't name",
                )
        values = np.array([table.get(code, left) for code in codes.tolist()], np.uint8)
        return values[places].reshape(pixels.shape)

    def _depth(self, path: Path) -> npt.NDArray[np.float32]:
        if _is_array(path):
            found = _squeezed(_numbers(path)).astype(np.float32)
            raw = found
        else:
            raw = _squeezed(_pixels(path))
            found = raw.astype(np.float32) * np.float32(self.depth_scale)
        if found.ndim != 2:
            raise BadFile(path, f"is of shape {found.shape}, and depths are (height, width)")
        with np.errstate(invalid="ignore"):
            found[(raw == self.depth_unknown) | ~np.isfinite(found)] = np.nan
        return found

    def _normals(self, path: Path) -> npt.NDArray[np.float32]:
        if _is_array(path):
            found = _numbers(path).astype(np.float32)
            if found.ndim == 3 and found.shape[0] == 3 != found.shape[2]:
                found = np.moveaxis(found, 0, 2)
        else:
            raw = _pixels(path)
            if raw.ndim != 3:
                raise BadFile(path, "is a grey picture, and normals have three channels")
            # OpenCV keeps blue first.
            found = raw[..., 2::-1].astype(np.float32)
            if raw.dtype.kind != "f":  # of floats a picture holds the vectors as they are
                shares = found / np.iinfo(raw.dtype).max
                # All black is no direction.
                found = np.where(shares.any(-1, keepdims=True), 2 * shares - 1, np.nan)
        if found.ndim != 3 or found.shape[2] != 3:
            raise BadFile(path, f"is of shape {found.shape}, and normals are (height, width, 3)")
        length = np.linalg.norm(found, axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            units = np.where(length > 0, found / length, np.nan)
        return np.asarray(units * np.asarray(self.normals_axes, np.float32), np.float32)


def class_file(root: Path) -> tuple[str, ...]:
    """The names of the values of masks from 1 on, a line each in ``classes.txt``; none without it.

    A first line that is called like the background is that.
    """
    path = root / CLASS_FILE
    if not path.is_file():
        return ()
    found = tuple(lines(likeliest(path)))
    return found[1:] if found and found[0].lower() in _EMPTY else found


def plain_mask(path: Path) -> Array:
    """(H, W) numbers of a mask, as its file has them.

    Raises:
        BadFile: it holds none.
    """
    return _numbers(path) if _is_array(path) else read_mask(path)


def checked(path: Path, mask: Array, table: Mapping[int, int]) -> npt.NDArray[np.uint8]:
    """A mask with its values replaced.

    Args:
        path: of the file.
        mask: (H, W) whole numbers.
        table: value in the file to the class, or IGNORE_PIXEL.

    Raises:
        BadFile: there is another value.
    """
    present = np.unique(mask).tolist() if mask.dtype != np.uint8 else _present(mask)
    wrong = [value for value in present if value not in table]
    if wrong:
        raise BadFile(
            path,
            f"has pixels of value {wrong[0]:g}; 0 to {max(table.keys() - {255}, default=0)} "
            "(background and the classes) and 255 (ignored) are allowed",
        )
    values = np.zeros(256, np.uint8)
    values[list(table)] = list(table.values())
    return np.asarray(cv2.LUT(mask.astype(np.uint8), values), np.uint8)


def fitted(path: Path, found: Array, full: Size, shown: Size) -> Array:
    """A map in the size in which its image was decoded.

    Args:
        path: of its file.
        found: as the file has it.
        full: (width, height) of the image.
        shown: of the image as it was decoded.

    Raises:
        BadFile: it is of another size than the image.
    """
    refuse_other_size(path, found, full)
    if shown == full:
        return found
    nearest = cv2.INTER_NEAREST_EXACT if found.dtype == np.uint8 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(found, shown, interpolation=nearest))


def refuse_other_size(path: Path, found: Array, full: Size) -> None:
    """See that a map is as large as its image.

    Raises:
        BadFile: it isn't.
    """
    height, width = found.shape[:2]
    if (width, height) != full:
        raise BadFile(path, f"has {width}x{height} pixels, but its image has {full[0]}x{full[1]}")


def _present(mask: npt.NDArray[np.uint8]) -> list[int]:
    found: list[int] = np.flatnonzero(cv2.calcHist([mask], [0], None, [256], [0, 256])).tolist()
    return found


def _is_array(path: Path) -> bool:
    return path.suffix.lower() in ARRAY_SUFFIXES


def _numbers(path: Path) -> Array:
    data = io.BytesIO(read_bytes(path))
    if path.suffix.lower() == ".mat":
        return _only_array(path, data)
    try:
        found: Array = np.load(data, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadFile(path, f"is no .npy file of numbers ({why_no_array(error)})") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in NUMBERS:
        raise BadFile(path, "is no .npy file of numbers")
    return found


def _only_array(path: Path, data: io.BytesIO) -> Array:
    try:
        every = loadmat(data)
    except NotImplementedError:
        raise BadFile(path, "is of MATLAB 7.3; save it with -v7") from None
    except Exception as error:  # scipy raises whatever it stumbles over
        raise BadFile(path, f"is no .mat file ({error})") from None
    found = {name: value for name, value in every.items() if not name.startswith("__")}
    arrays = [value for value in found.values() if value.dtype.kind in NUMBERS]
    if len(arrays) != 1:
        raise BadFile(path, f"holds {', '.join(found) or 'nothing'}, and not one array of numbers")
    return np.asarray(arrays[0])


def _pixels(path: Path) -> Array:
    """As they are, of 8 or 16 bits or floats."""
    data = read_bytes(path)
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if found is None:
        raise BadFile(path, "is no picture" if data else "is empty")
    return np.asarray(found)


def _squeezed(values: Array) -> Array:
    """Without an axis of one channel, first or last."""
    if values.ndim == 3:
        return values[..., 0] if values.shape[2] == 1 else values[0] if len(values) == 1 else values
    return values


def _colours(path: Path) -> npt.NDArray[np.int64]:
    """(H, W): red, green and blue in one number."""
    image, _ = read_image(path)
    coded: npt.NDArray[np.int64] = image.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return coded


def _code(code: int | Sequence[int]) -> int:
    if isinstance(code, int):
        return code
    red, green, blue = code
    return (red << 16) | (green << 8) | blue


def _parts(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255
