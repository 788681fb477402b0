"""Our own operators in ONNX's words."""

from collections.abc import Callable
from typing import Any

import torch
from onnx import TensorProto
from onnxscript import opset18 as op

from mtl.model.head import clusters, suppression
from mtl.runs.export.onnx_clusters import clustered

OPSET = 18


def kept(
    boxes: Any, scores: Any, labels: Any, valid: Any, overlap: float, most: int, classes: int
) -> Any:
    """``mtl::kept``: one non-maximum suppression for all images, class by class."""
    every = op.Constant(value_ints=list(range(classes)))
    own = op.Equal(op.Unsqueeze(labels, _ints([1])), op.Unsqueeze(every, _ints([0, 2])))
    own = op.And(own, op.Unsqueeze(valid, _ints([1])))
    by_class = op.Where(own, op.Unsqueeze(scores, _ints([1])), op.Constant(value_float=-1.0))
    chosen = op.NonMaxSuppression(
        boxes,
        by_class,
        _ints([most]),
        op.Constant(value_floats=[overlap]),
        op.Constant(value_floats=[0.0]),
    )
    # (m, 3) of image, class and place; images count from 1 to mark the places.
    images = op.Gather(chosen, _ints([0]), axis=1)
    marks = op.Cast(op.Add(op.Squeeze(images, _ints([1])), _ints([1])), to=TensorProto.INT32)
    nothing = op.Cast(op.Expand(_ints([0]), op.Shape(valid)), to=TensorProto.INT32)
    marked = op.ScatterND(nothing, op.Gather(chosen, _ints([0, 2]), axis=1), marks)
    return op.Cast(marked, to=TensorProto.BOOL)


def sort(values: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
    """``aten::sort.stable``: ONNX Runtime puts the first of equals first, as that does."""
    every = op.Gather(op.Shape(values), _ints([dim]), axis=0)
    return op.TopK(values, every, axis=dim, largest=int(descending), sorted=1)


def _ints(values: list[int]) -> Any:
    return op.Constant(value_ints=values)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    suppression.kept._opoverload: kept,
    clusters.clustered._opoverload: clustered,
    torch.ops.aten.sort.stable: sort,
}
