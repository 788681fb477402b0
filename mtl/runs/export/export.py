"""The whole of ``mtl export``, but for what is said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mtl.config.nearest import listing
from mtl.data.image_format import ImageFormat, format_of
from mtl.data.preprocess.base import Preprocess
from mtl.errors import RunError, UserError
from mtl.files import write_all
from mtl.model.network import Network
from mtl.runs.export.description import describe, text_of
from mtl.runs.export.formats import FORMATS
from mtl.runs.export.graph import Colours, Graph
from mtl.runs.export.parity import Row, parity
from mtl.runs.export.pictures import Images
from mtl.runs.export.trace import traced
from mtl.runs.prediction.predictor import Predictor


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Args:
        form: name of the format.
        out: the file.
        tasks: to export; None for all of the run's.
        preprocess_in_graph: whether images go in as they are.
        colours: their order then.
        any_size: whether pictures of any size go in.
    """

    form: str
    out: Path
    tasks: tuple[str, ...] | None = None
    preprocess_in_graph: bool = False
    colours: Colours = "rgb"
    any_size: bool = False


@dataclass(frozen=True)
class Made:
    """An export that isn't written yet.

    Args:
        contents: of its files.
        rows: how far it is from torch.
        description: see there.
    """

    contents: dict[Path, bytes]
    rows: list[Row]
    description: dict[str, Any]

    def write(self) -> None:
        """Write the files, all or none.

        Raises:
            RunError: a task differs by more than its tolerance.
            UserError: they can't be written.
        """
        bad = {row.task: row.image for row in self.rows if not row.difference.fine}
        if bad:
            found = (f"{task} on {image}" if image else task for task, image in bad.items())
            raise RunError(
                f"the exported file differs from torch: {listing(found)}; nothing was written"
            )
        try:
            write_all(self.contents)
        except OSError as error:
            where = next(iter(self.contents))
            raise UserError(f"{where}: can't be written ({error.strerror or error})") from error


def export(
    predictor: Predictor,
    cfg: Any,
    wanted: Wanted,
    images: Images,
    watch: Callable[[int], object] | None = None,
) -> Made:
    """Trace a trained network, put it into a file, and run that file on images.

    Args:
        predictor: the network and its preprocessing, on the CPU.
        cfg: the run's configuration.
        wanted: what is asked for.
        images: to hold the file against torch.
        watch: see ``parity``.

    Raises:
        UserError: the network has no such tasks, or can't be exported as asked for.
        RunError: it can't be exported.
        BadFile: an image can't be read.
    """
    graph, description, contents = untested(predictor.network, predictor.preprocess, cfg, wanted)
    form = FORMATS[wanted.form].load()
    rows = parity(graph, form.opened(contents), images, predictor.preprocess, watch)
    contents[wanted.out.with_suffix(".json")] = text_of(description).encode()
    return Made(contents, rows, description)


def untested(
    network: Network, preprocess: Preprocess, cfg: Any, wanted: Wanted
) -> tuple[Graph, dict[str, Any], dict[Path, bytes]]:
    """Trace a trained network and put it into a file; nothing is held against torch.

    Args:
        network: on the CPU; its tensors' memory is put in the plain order.
        preprocess: the steps before it.
        cfg: the run's configuration.
        wanted: what is asked for.

    Returns:
        What was traced, its description, and the content of the file, or files.

    Raises:
        UserError: the network has no such tasks, or can't be exported as asked for.
        RunError: it can't be exported.
    """
    form = FORMATS[wanted.form].load()
    network = network.to(memory_format=torch.contiguous_format)
    tasks = network.tasks if wanted.tasks is None else wanted.tasks
    if wanted.any_size:
        fixed = [task for task in tasks if not network.head(task).any_size]
        if fixed:
            raise UserError(
                f"any_size=true: {listing(fixed)} decide in pixels of one size; leave it out, or "
                "choose another size with image_size=N"
            )
    refuse_unusual(wanted.preprocess_in_graph, wanted.colours, format_of(cfg.data))
    in_graph = preprocess if wanted.preprocess_in_graph else None
    graph = Graph(network, tasks, in_graph, wanted.colours).eval()
    program = traced(graph, wanted.any_size)
    with torch.no_grad():
        example = graph(graph.example)
    description = describe(graph, example, cfg, preprocess, wanted.form, wanted.any_size)
    contents = form.contents(program, list(example), text_of(description), wanted.out)
    return graph, description, contents


def refuse_unusual(in_graph: bool, colours: Colours, images: ImageFormat) -> None:
    """See that images can go in as they are, where they are to.

    Args:
        in_graph: whether they are.
        colours: their order then.
        images: what they are.

    Raises:
        UserError: they are not of 8 bits, or have no colours whose order could be another.
    """
    if in_graph and images.span is not None:
        raise UserError(
            "preprocess_in_graph=true takes images of 8 bits, and data.pixel_range says that these "
            "have others; leave it out, and the network's pictures are what goes in"
        )
    if colours != "rgb" and images.channels != 3:
        raise UserError(
            f"colours={colours}: images of {images.channels} channels have one order alone"
        )
