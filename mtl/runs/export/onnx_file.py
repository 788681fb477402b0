"""``format=onnx``: one file for ONNX Runtime and whatever else reads ONNX."""

from collections.abc import Mapping
from pathlib import Path

import torch
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
