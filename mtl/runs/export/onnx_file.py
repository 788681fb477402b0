"""``format=onnx``: one file for ONNX Runtime and whatever else reads ONNX."""

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from torch.export import ExportedProgram

from mtl.errors import BadFile, RunError
from mtl.runs.export.description import KEY
from mtl.runs.export.onnx_ops import OPSET, TRANSLATIONS
from mtl.runs.export.onnx_safety import refuse_hostile
from mtl.runs.export.runner import Runner
from mtl.runs.export.trace import quiet

MOST_BYTES = 2**31 - 1
"""Of a protobuf message."""


def contents(
    program: ExportedProgram, names: list[str], description: str, path: Path
) -> dict[Path, bytes]:
    """See ``FormatModule``; the description is an entry of the model's metadata.

    Raises:
        RunError: the network is too large for one file.
    """
    with quiet():
        made = torch.onnx.export(
            program,
            (),
            input_names=["image"],
            output_names=names,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            custom_translation_table=TRANSLATIONS,
        )
    assert made is not None
    model = made.model_proto
    model.producer_name = "mtl"
    model.metadata_props.add(key=KEY, value=description)
    if model.ByteSize() > MOST_BYTES:
        raise RunError(f"{model.ByteSize() / 1e9:.1f} GB are too much for one ONNX file (2.1 GB)")
    return {path: model.SerializeToString()}


def opened(contents: Mapping[Path, bytes]) -> Runner:
    """See ``FormatModule``; by ONNX Runtime on the CPU."""
    (model,) = contents.values()
    return session(model)


def session(model: bytes) -> Runner:
    """What runs a model that has been found harmless."""
    run = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in run.get_outputs()]
    return lambda image: dict(zip(names, run.run(names, {"image": image}), strict=True))


def read(path: Path) -> tuple[str, Runner]:
    """See ``FormatModule``."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(path, "is too large for an ONNX file")
    content = path.read_bytes()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise BadFile(path, "can't be read as ONNX") from error
    notes = {entry.key: entry.value for entry in model.metadata_props}
    if KEY not in notes:
        raise BadFile(path, "is no file that mtl export wrote")
    refuse_hostile(model, path)
    try:
        return notes[KEY], session(content)
    except Exception as error:  # ONNX Runtime's own kinds, which it doesn't share
        raise BadFile(path, f"can't be run ({str(error).splitlines()[0]})") from error
