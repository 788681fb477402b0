"""``format=onnx``: one file for ONNX Runtime and whatever else reads ONNX."""

from collections.abc import Mapping
from pathlib import Path

import torch
from onnx import ModelProto
from torch.export import ExportedProgram

from mtl.errors import RunError
from mtl.runs.export.onnx_ops import OPSET, TRANSLATIONS
from mtl.runs.export.onnx_read import MOST_BYTES
from mtl.runs.export.onnx_session import session
from mtl.runs.export.runner import Runner
from mtl.runs.export.trace import quiet
from mtl.runs.export.understood import KEY


def contents(
    program: ExportedProgram, names: list[str], description: str, path: Path
) -> dict[Path, bytes]:
    """See ``FormatModule``; the description is an entry of the model's metadata.

    Raises:
        RunError: the network is too large for one file.
    """
    return {path: as_file(model_of(program, ["image"], names), description)}


def model_of(program: ExportedProgram, inputs: list[str], outputs: list[str]) -> ModelProto:
    """A program in ONNX's words, without a description.

    Args:
        program: from images to tensors.
        inputs: names of what goes in.
        outputs: names of what comes out.
    """
    with quiet():
        made = torch.onnx.export(
            program,
            (),
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            custom_translation_table=TRANSLATIONS,
        )
    assert made is not None
    return made.model_proto


def as_file(model: ModelProto, description: str) -> bytes:
    """A model as a file, with its description among its metadata.

    Args:
        model: gets the description.
        description: see ``FormatModule``.

    Raises:
        RunError: it is too large for one file.
    """
    model.producer_name = "mtl"
    model.metadata_props.add(key=KEY, value=description)
    if model.ByteSize() > MOST_BYTES:
        raise RunError(f"{model.ByteSize() / 1e9:.1f} GB are too much for one ONNX file (2.1 GB)")
    content: bytes = model.SerializeToString()
    return content


def opened(contents: Mapping[Path, bytes]) -> Runner:
    """See ``FormatModule``; by ONNX Runtime on the CPU."""
    (model,) = contents.values()
    return session(model)
