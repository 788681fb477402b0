"""What a YOLO data set says of itself: a yaml file, or a list of class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtl.data.sources.base import Split
from mtl.data.sources.folder_files import composed, split_of
from mtl.data.sources.mirrored_names import mirrored_names
from mtl.data.sources.text_file import likeliest, lines
from mtl.errors import BadFile, UserError

YAML = (".yaml", ".yml")
LISTS = ("classes.txt", "obj.names", "labels.txt")


@dataclass(frozen=True)
class YoloDescription:
    """What is known without looking at images.

    Args:
        file: where it stands.
        names: number of a class, as label files write it, to its name.
        places: split to folders or lists of images, as written.
        base: what the places are relative to first.
        points: names of the keypoints of an object.
        width: numbers for each keypoint: 2, or 3 with a visibility.
        mirrored: pairs of keypoints that a mirror exchanges: as ``flip_idx`` says, or their names.
    """

    file: Path
    names: Mapping[int, str]
    places: Mapping[Split, Sequence[str]] = field(default_factory=dict)
    base: Path = Path()
    points: tuple[str, ...] = ()
    width: int = 3
    mirrored: tuple[tuple[str, str], ...] = ()


def describing_file(root: Path, labels: str, given: str | None) -> Path:
    """The yaml or list of a folder.

    ``data.yaml`` mostly; for labels in ``labels_polygons`` it is ``polygons.yaml`` where there is
    one, whose classes may be numbered otherwise.

    Raises:
        UserError: there is none, or several of which none has a usual name.
    """
    if given is not None:
        if not (root / given).is_file():
            raise UserError(f"data.description={given}: {root} has no such file")
        return root / given
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in YAML)
    by_name = {path.stem: path for path in files}
    suffix = labels.partition("_")[2]
    for name in (*filter(None, (suffix,)), "data", "dataset"):
        if name in by_name:
            return by_name[name]
    if len(files) > 1:
        some = ", ".join(path.name for path in files)
        raise UserError(f"{root} has {some}; data.description=FILE says which describes the data")
    lists = [root / name for name in LISTS] + [root / labels / name for name in LISTS]
    found = next((path for path in (*files, *lists) if path.is_file()), None)
    if found is None:
        raise UserError(
            f"{root} has neither data.yaml nor classes.txt; one of them names the classes (images "
            "in a folder for each class are read by data=image_folder)"
        )
    return found


def read_description(file: Path) -> YoloDescription:
    """Read it; nothing that it says to do is done, such as downloading.

    Raises:
        BadFile: it is no such file.
    """
    text = likeliest(file)
    if file.suffix.lower() not in YAML:
        if not lines(text):
            raise BadFile(file, "names no class")
        return YoloDescription(file, _named(file, lines(text)))
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise BadFile(file, f"is no yaml ({what}{where})") from None
    if not isinstance(said, dict) or "names" not in said:
        raise BadFile(file, "has no names; they are the classes, as a list or {number: name}")
    names = _named(file, said["names"])
    if isinstance(said.get("nc"), int) and said["nc"] != len(names):
        raise BadFile(file, f"says nc: {said['nc']}, but names {len(names)} classes")
    points, width = _keypoints(file, said)
    return YoloDescription(
        file,
        names,
        _places(file, said),
        file.parent / str(said.get("path") or ""),
        points,
        width,
        _mirrored(file, said.get("flip_idx"), points),
    )


def _named(file: Path, names: Any) -> dict[int, str]:
    pairs = list(enumerate(names)) if isinstance(names, list) else names
    if isinstance(pairs, dict):
        pairs = list(pairs.items())
    if not isinstance(pairs, list) or not pairs:
        raise BadFile(file, "has names that are neither a list nor {number: name}")
    found: dict[int, str] = {}
    for number, name in pairs:
        if not str(number).isdigit():
            raise BadFile(file, f"numbers a class {number!r}; classes have whole numbers from 0")
        found[int(number)] = composed(str(name).strip())
    twice = [name for name in found.values() if list(found.values()).count(name) > 1]
    if twice:
        raise BadFile(file, f"names the class {twice[0]!r} twice")
    return dict(sorted(found.items()))


def _places(file: Path, said: Mapping[str, Any]) -> dict[Split, list[str]]:
    found: dict[Split, list[str]] = {}
    for key, value in said.items():
        split = split_of(str(key))
        if split is None or not value:
            continue
        # Some tools put the images below a key of their own.
        told = value.get("images") if isinstance(value, dict) else value
        places: list[Any] = told if isinstance(told, list) else [told]
        if not all(isinstance(place, str) for place in places):
            raise BadFile(file, f"has {key} that is neither a folder, a .txt file nor a list")
        found[split] = places
    return found


def _keypoints(file: Path, said: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    shape = said.get("kpt_shape")
    if shape is None:
        return (), 3
    if not (isinstance(shape, list) and len(shape) == 2 and _whole(shape) and shape[1] in (2, 3)):
        raise BadFile(file, f"has kpt_shape: {shape}; it is [NUMBER, 2] or [NUMBER, 3]")
    names = said.get("kpt_names")
    if isinstance(names, dict):  # for each class
        names = next(iter(names.values()), None)
    if not isinstance(names, list):
        names = [f"point{number}" for number in range(int(shape[0]))]
    if len(names) != shape[0]:
        raise BadFile(file, f"has kpt_shape: {shape}, but names {len(names)} keypoints")
    return tuple(map(str, names)), int(shape[1])


def _mirrored(file: Path, order: Any, points: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if order is None:
        return tuple(mirrored_names(points))
    if not points:
        return ()
    if not isinstance(order, list) or not _whole(order) or sorted(order) != [*range(len(points))]:
        raise BadFile(file, f"has flip_idx that doesn't order {len(points)} keypoints")
    return tuple((points[a], points[b]) for a, b in enumerate(order) if a < b)


def _whole(values: list[Any]) -> bool:
    return all(isinstance(value, int) and value >= 0 for value in values)
