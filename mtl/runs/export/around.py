"""Preprocessing around an ONNX file that takes pictures, such as the int8 file of a compression.

What such a file computes can't be traced again: nothing but the file has its whole numbers. So what
comes before it (from images to pictures) and behind it (from its outputs to the images' pixels) is
traced, and its own graph is put in between as it is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from onnx import GraphProto, ModelProto, NodeProto, compose
from onnx.helper import make_graph, make_model
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from mtl.config.nearest import listing
from mtl.config.trust import Trust
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.normalise import Normalise
from mtl.errors import BadFile, UserError
from mtl.runs.export.description import goes_in, text_of
from mtl.runs.export.export import Made, Wanted, refuse_unusual
from mtl.runs.export.graph import Graph
from mtl.runs.export.onnx_file import as_file, model_of
from mtl.runs.export.onnx_ops import OPSET
from mtl.runs.export.onnx_session import session
from mtl.runs.export.parity import Row, grey_levels, held_against, over_all
from mtl.runs.export.pictures import Images
from mtl.runs.export.read import Exported, read
from mtl.runs.export.runner import Runner
from mtl.runs.export.speakers import speakers_of
from mtl.runs.export.trace import quiet
from mtl.runs.prediction.predictor import Predictor

INNER = "inner/"
"""Before every name of the file's graph."""
PICTURE = f"{INNER}image"
"""Of the pictures that go into it."""


class AroundFile(nn.Module):
    """From images, and what a file says of their pictures, to these pictures and what is exported.

    Args:
        graph: with preprocessing; its network is not run.
        names: of the file's outputs, in order.
    """

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        super().__init__()
        self.steps = graph  # a name that a traced module has no use for
        self.names = tuple(names)

    def forward(self, image: Tensor, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """Pictures, and ``<task>.<name>`` in the images' pixels.

        Args:
            image: (B, H, W, C) uint8.
            outputs: of the file on their pictures, of B images.
        """
        picture, frame = self.steps.prepared(image)
        said = dict(zip(self.names, outputs, strict=True))
        decisions = {}
        for task in self.steps.tasks:
            prefix = f"{task}."
            own = {n.removeprefix(prefix): v for n, v in said.items() if n.startswith(prefix)}
            decisions[task] = self.steps.network.head(task).from_exported(own)
        named = self.steps.named(decisions, frame)
        # What comes out may not be what went in, nor may two be one.
        return {PICTURE: picture, **{name: value.clone() for name, value in named.items()}}


def export_around(
    predictor: Predictor,
    file: Path,
    wanted: Wanted,
    images: Images,
    trust: Trust,
    watch: Callable[[int], object] | None = None,
) -> Made:
    """Put preprocessing around a file, and hold the whole against the file, image by image.

    Args:
        predictor: the network that the file was made of, on the CPU.
        file: an ONNX file of all of its tasks that takes pictures.
        wanted: the new file, and the order of its colours.
        images: to compare on.
        trust: whose classes the file may name.
        watch: see ``parity``.

    Raises:
        UserError: the file can't be used, takes images already, or images can't go in as they are.
        BadFile: likewise, or an image can't be read.
    """
    inner = read(file)
    if inner.description["preprocess"]["in_graph"]:
        raise UserError(f"run={file}: has its preprocessing inside already")
    refuse_unusual(True, wanted.colours, predictor.images)
    network = predictor.network.to(memory_format=torch.contiguous_format)
    if list(network.tasks) != list(inner.description["tasks"]):
        raise BadFile(file, f"isn't of the tasks {listing(network.tasks)}")
    for task, head in speakers_of(inner, trust).heads.items():
        network.head(task).calibration = head.calibration
    graph = Graph(network, network.tasks, predictor.preprocess, wanted.colours).eval()
    body = ModelProto()
    body.ParseFromString(file.read_bytes())
    if [opset.version for opset in body.opset_import] != [OPSET]:
        raise BadFile(file, f"isn't of ONNX's operators {OPSET}, as mtl export writes them")
    model = with_preprocessing(graph, body, inner.run)
    description = {
        **inner.description,
        "input": goes_in(graph, any_size=False),
        "preprocess": {**inner.description["preprocess"], "in_graph": True},
    }
    checked = ModelProto()
    checked.CopyFrom(model)
    checked.graph.output.add(name=PICTURE)
    rows = _rows(graph, inner, checked, images, predictor.preprocess, watch)
    text = text_of(description)
    out = wanted.out
    contents = {out: as_file(model, text), out.with_suffix(".json"): text.encode()}
    return Made(contents, rows, description)


def with_preprocessing(graph: Graph, body: ModelProto, run: Runner) -> ModelProto:
    """A file's graph with what comes before and behind it.

    Args:
        graph: with preprocessing, of the same tasks.
        body: of the file, whose pictures are those of the graph.
        run: runs the file.
    """
    names = [output.name for output in body.graph.output]
    side = graph.image_size
    said = run(torch.zeros(2, graph.network.image_channels, side, side).numpy())
    outputs = [torch.from_numpy(said[name]) for name in names]
    around = AroundFile(graph, names).eval()
    with torch.no_grad():
        made = list(around(graph.example, outputs))
    program = _traced(around, outputs)
    model = model_of(program, ["image", *(f"{INNER}{name}" for name in names)], made)
    return _joined(model, compose.add_prefix(body, INNER))


def _traced(around: AroundFile, outputs: list[Tensor]) -> ExportedProgram:
    batch = Dim("batch")
    sides = {0: batch, 1: Dim("height"), 2: Dim("width")}
    shapes = (sides, [{0: batch} for _ in outputs])
    with torch.no_grad(), quiet():
        return torch.export.export(around, (around.steps.example, outputs), dynamic_shapes=shapes)


def _joined(around: ModelProto, body: ModelProto) -> ModelProto:
    """Both as one, the body between what it needs and what needs it.

    Args:
        around: takes images and the body's outputs, and gives its input and what is exported.
        body: of its own names.
    """
    late = {output.name for output in body.graph.output}
    before: list[NodeProto] = []
    behind: list[NodeProto] = []
    for node in around.graph.node:
        if late.intersection(node.input):
            behind.append(node)
            late.update(node.output)
        else:
            before.append(node)
    nodes = [*before, *body.graph.node, *behind]
    used = {name for node in nodes for name in node.input}
    graph: GraphProto = make_graph(
        nodes,
        body.graph.name,
        [value for value in around.graph.input if value.name == "image"],
        [value for value in around.graph.output if value.name != PICTURE],
        [t for one in (around, body) for t in one.graph.initializer if t.name in used],
    )
    version = max(around.ir_version, body.ir_version)
    return make_model(graph, opset_imports=body.opset_import, ir_version=version)


def _rows(
    graph: Graph,
    inner: Exported,
    model: ModelProto,
    images: Images,
    preprocess: Preprocess,
    watch: Callable[[int], object] | None,
) -> list[Row]:
    """The table: the pictures against the framework's, and all outputs against the file's own.

    The file is asked of the very pictures that it gets inside: where whole numbers are rounded
    to, the last digit of a picture may make a step of difference.
    """
    run = session(model.SerializeToString())
    tasks = inner.description["tasks"].values()
    around = AroundFile(graph, [name for task in tasks for name in task["outputs"]])
    normal = Normalise(preprocess.mean, preprocess.std)
    bias, scale = (part[:, None, None] for part in (normal.bias, normal.scale))

    def rows(names: Sequence[str], batch: Tensor) -> list[Row]:
        said = dict(run(batch.numpy()))
        picture = said.pop(PICTURE)
        alone = inner.run(picture)
        with torch.no_grad():
            outputs = [torch.from_numpy(alone[name]) for name in around.names]
            wanted = {name: value.numpy() for name, value in around(batch, outputs).items()}
        levels = ((torch.from_numpy(picture) - bias) / scale).round()
        ordered = batch.flip(-1) if graph.colours == "bgr" else batch
        shown = grey_levels(levels, ordered, preprocess, names)
        return [shown, *held_against(graph, wanted, said, names)]

    return over_all(images, graph, preprocess, rows, watch)
