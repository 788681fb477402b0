"""What an ONNX file of unknown origin must not hold, looked for before anything runs it.

ONNX has no code of its own. What is left are other files that it may name, operators that would
have to be loaded, tensors that are larger by name than in fact, and functions, which call each
other twice to be a million million operators when they are written out.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from mtl.errors import BadFile

HELD = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def refuse_hostile(model: ModelProto, path: Path) -> None:
    """Look through all graphs of a model, those inside of others too.

    Args:
        model: parsed, and nothing else.
        path: for messages.

    Raises:
        BadFile: it holds what no export of ours holds.
    """
    if model.functions:
        raise BadFile(path, "holds functions, of which mtl export writes none")
    nodes = [*_nodes(model.graph)]
    for node in nodes:
        if node.domain not in ("", "ai.onnx"):
            raise BadFile(
                path, f"needs {node.domain}::{node.op_type}, which is no operator of ONNX"
            )
    for tensor in _tensors(model.graph, nodes):
        _refuse_tensor(tensor, path)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in _graphs(attribute):
                yield from _nodes(inner)


def _graphs(attribute: AttributeProto) -> list[GraphProto]:
    return [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]


def _tensors(graph: GraphProto, nodes: list[NodeProto]) -> Iterator[TensorProto]:
    graphs = [graph, *(g for node in nodes for a in node.attribute for g in _graphs(a))]
    for one in graphs:
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _refuse_tensor(tensor: TensorProto, path: Path) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise BadFile(
            path, f"its tensor {tensor.name} lies in another file, where mtl export puts none"
        )
    items = math.prod(tensor.dims)
    held = max(len(getattr(tensor, field)) for field in HELD)
    if tensor.HasField("raw_data"):
        try:
            kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        except KeyError as error:
            raise BadFile(path, f"its tensor {tensor.name} is of no known type") from error
        held = len(tensor.raw_data) // kind.itemsize
    if min(tensor.dims, default=0) < 0 or items > held:
        raise BadFile(
            path, f"its tensor {tensor.name} has {items} values by name, and {held} in fact"
        )
