"""``format=openvino``: OpenVINO's own pair of files, made of the ONNX graph."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from torch.export import ExportedProgram

from mtl.runs.export import onnx_file
from mtl.runs.export.runner import Runner
from mtl.runs.export.understood import KEY


def contents(
    program: ExportedProgram, names: list[str], description: str, path: Path
) -> dict[Path, bytes]:
    """See ``FormatModule``; weights lie beside the file that is named, as ``.bin``."""
    (model,) = onnx_file.contents(program, names, description, path).values()
    read = openvino.Core().read_model(model)
    read.set_rt_info(description, KEY)
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(read, Path(folder) / "model.xml", compress_to_fp16=False)
        return {
            path.with_suffix(suffix): (Path(folder) / f"model{suffix}").read_bytes()
            for suffix in (".xml", ".bin")
        }


def opened(contents: Mapping[Path, bytes]) -> Runner:
    """See ``FormatModule``; by OpenVINO on the CPU, in full precision."""
    parts = {path.suffix: content for path, content in contents.items()}
    core = openvino.Core()
    read = core.read_model(parts[".xml"], parts[".bin"])
    run = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    # Tensors inside the graph have names as well, without a task's.
    names = [next(name for name in output.names if "." in name) for output in run.outputs]
    return lambda image: {n: np.array(v) for n, v in zip(names, run(image).values(), strict=True)}
