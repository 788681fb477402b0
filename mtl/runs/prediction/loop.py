"""The whole of ``mtl predict``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from mtl.data.image_file import read_image
from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Sample
from mtl.data.sources.image_list import ImageList
from mtl.errors import BadFile, UserError
from mtl.files import printable, write_json
from mtl.model.figures.predictions import draw_sample
from mtl.model.network import Network
from mtl.runs.prediction.files import JPEG_SUFFIXES, Names, write_picture
from mtl.runs.prediction.inputs import in_batches
from mtl.runs.prediction.predictor import Picture, Predictor

MOST_PIXELS = 50_000_000
"""Of the images held at once, at full resolution: 150 MB."""


@dataclass
class Written:
    """What was done with the images.

    Args:
        images: the entries of predictions.json.
        skipped: files that could not be read, and why.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[BadFile] = field(default_factory=list)


def predict(
    predictor: Predictor, paths: Sequence[Path], out: Path, run: str, console: Console
) -> Written:
    """Write annotated pictures, arrays and ``predictions.json``.

    Files that can't be read are skipped, with a message.

    Args:
        predictor: decides and draws.
        paths: images, at least one.
        out: a folder; it is made where it is missing.
        run: what predictions.json names as the origin.
        console: where messages go.

    Raises:
        UserError: none of the images can be read, or a picture would replace one of them.
    """
    folder = out.resolve()
    if any(path.resolve().parent == folder for path in paths):
        raise UserError(f"out={out}: holds the input images; choose a folder of its own")
    written = Written()
    quiet = not console.is_terminal
    shown = track(paths, "predicting", console=console, transient=True, disable=quiet)
    readable = _read(predictor.preprocess, shown, written, console)
    names = Names(predictor.network.tasks)
    for batch in in_batches(readable, predictor.batch_size, MOST_PIXELS):
        out.mkdir(parents=True, exist_ok=True)
        predictions = predictor.decide([ready for _, _, ready in batch])
        for (path, image, _), found in zip(batch, predictions, strict=True):
            ending = ".jpg" if path.suffix.lower() in JPEG_SUFFIXES else ".png"
            drawn = out / f"{names.stem(path)}{ending}"
            entry = _write(predictor.network, image, found, drawn)
            written.images.append({"file": str(path), **entry})
    if not written.images:
        first = written.skipped[0]
        if len(paths) == 1:
            raise first
        raise UserError(f"none of the {len(paths)} images can be read; the first: {first}")
    write_json(out / "predictions.json", _summary(predictor, run, written))
    return written


def _read(
    preprocess: Preprocess, paths: Iterable[Path], written: Written, console: Console
) -> Iterator[tuple[tuple[Path, Picture, tuple[Sample, Frame]], int]]:
    """Files with the image at full resolution, which is drawn on, and as the network gets it.

    Each with its number of pixels.
    """
    for path in paths:
        try:
            image, (width, height) = read_image(path)
            ready = picture(ImageList([path]), 0, preprocess, {})
        except BadFile as error:
            written.skipped.append(error)
            console.print(f"skipped {printable(str(error))}", markup=False, soft_wrap=True)
            continue
        yield (path, image, ready), width * height


def _write(
    network: Network, image: Picture, found: Mapping[str, Any], drawn: Path
) -> dict[str, Any]:
    """Write one image's files; what predictions.json says of them.

    Args:
        network: draws.
        image: at full resolution.
        found: task to prediction.
        drawn: the annotated picture's file; arrays lie beside it.
    """
    write_picture(drawn, draw_sample(network, image, found))
    height, width = image.shape[:2]
    entry: dict[str, Any] = {"width": width, "height": height, "picture": drawn.name}
    for task, prediction in found.items():
        head = network.head(task)
        entry[task] = dict(head.record(prediction))
        for key, value in entry[task].items():
            if isinstance(value, np.ndarray):
                stem = drawn.with_name(f"{drawn.stem}_{task}")
                entry[task][key] = head.target.kind.write(stem, value).name
    return entry


def _summary(predictor: Predictor, run: str, written: Written) -> dict[str, Any]:
    heads = {task: predictor.network.head(task) for task in predictor.network.tasks}
    return {
        "run": run,
        "tasks": {
            task: {"kind": head.target.kind.name, "classes": list(head.target.classes)}
            for task, head in heads.items()
        },
        "images": written.images,
        "skipped": [{"file": bad.path, "reason": bad.reason} for bad in written.skipped],
    }
