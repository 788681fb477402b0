"""Steps whose result is an ONNX file rather than a network."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl.config.nearest import listing
from mtl.errors import UserError
from mtl.files import write_all
from mtl.runs.compression.base import Workpiece
from mtl.runs.export.formats import FORMATS
from mtl.terminal import doing

if TYPE_CHECKING:
    from onnx import ModelProto


def check_packages(step: str) -> None:
    """See that ONNX files can be made.

    Args:
        step: name of the step that makes one.

    Raises:
        UserError: a package is missing.
    """
    if FORMATS["onnx"].missing:
        raise UserError(
            f"{step} needs {listing(FORMATS['onnx'].missing)}: pip install 'mtl[compress]'"
        )


def exported_model(work: Workpiece) -> "ModelProto":
    """The network as it is now, as ``mtl export`` puts it into a file.

    Args:
        work: left as it is.

    Raises:
        RunError: it can't be exported.
    """
    import onnx

    with doing("exporting"), tempfile.TemporaryDirectory() as folder:
        return onnx.load(work.export(work.network, Path(folder) / "model.onnx"))


def deliver(work: Workpiece, model: "ModelProto", name: str, said: Mapping[str, Any]) -> Path:
    """Write a model as the result of a step, with its description inside and beside it.

    Args:
        work: whose result it becomes.
        model: made of one of ``exported_model``, whose description it has.
        name: of the file, without its ending.
        said: entry ``compressed`` of the description.
    """
    from mtl.runs.compression.quantize.prepared import with_notes
    from mtl.runs.export.description import text_of
    from mtl.runs.export.understood import KEY

    (text,) = (entry.value for entry in model.metadata_props if entry.key == KEY)
    described = text_of({**json.loads(text), "compressed": dict(said)})
    content = with_notes(model, {KEY: described}).SerializeToString()
    path = work.out / f"{name}.onnx"
    write_all({path: content, path.with_suffix(".json"): described.encode()})
    work.file = path
    return path
