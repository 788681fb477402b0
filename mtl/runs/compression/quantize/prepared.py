"""An exported graph made ready for ONNX Runtime's quantiser."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import ModelProto
from onnx.utils import Extractor
from onnxruntime.quantization.quant_utils import add_infer_metadata
from onnxruntime.quantization.shape_inference import quant_pre_process


def parsed(content: bytes) -> ModelProto:
    """A model of one's own that is in memory."""
    model = ModelProto()
    model.ParseFromString(content)
    return model


def prepared(model: ModelProto) -> ModelProto:
    """The same graph with norms folded into the convolutions before them, and known shapes.

    Args:
        model: as ``mtl export`` makes it; not changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "exported.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, paths[0])  # of a model in memory it would take the weights out
        # Symbols in shapes help with transformers alone, and take sympy.
        quant_pre_process(*paths, skip_symbolic_shape=True)
        found = onnx.load(paths[1])
    # Else the quantiser infers the shapes anew, through files, each time that it is called.
    add_infer_metadata(found)
    return found


def trunk(model: ModelProto, ends: Sequence[str]) -> ModelProto:
    """The part of a graph that has layers, without what is decided from their outputs.

    Args:
        model: prepared.
        ends: the tensors that come out.
    """
    inputs = [value.name for value in model.graph.input]
    found = Extractor(model).extract_model(inputs, list(ends))
    add_infer_metadata(found)
    return found


def with_notes(model: ModelProto, notes: dict[str, str]) -> ModelProto:
    """The model with these entries in its metadata, instead of what its tools have left there."""
    onnx.helper.set_model_props(model, notes)
    model.producer_name = "mtl"
    # Where in torch a node was traced from takes more room than small weights.
    for part in (*model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
    used = {"", *(node.domain for node in model.graph.node)}
    imports = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    return model
