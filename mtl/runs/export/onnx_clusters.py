"""``mtl::clustered`` in ONNX's words: a loop over the ranks of the boxes."""

from onnxscript import FLOAT, INT64, script
from onnxscript import opset18 as op


@script()  # type: ignore[untyped-decorator]
def clustered(
    boxes: FLOAT, scores: FLOAT, labels: INT64, overlap: float
) -> tuple[INT64, FLOAT, FLOAT, FLOAT]:
    """See ``mtl.model.head.clusters``; the names are the same."""
    ranks = op.Gather(op.Shape(labels), 1)
    places = op.Range(0, ranks, 1)
    limit = op.Constant(value_float=overlap)
    nothing = op.Unsqueeze(op.Mul(scores, 0.0), [2])
    # One tensor goes round, (n, R, 7): of several, onnxscript mixes up which is which.
    state = op.Concat(op.Sub(nothing, 2.0), nothing, nothing, op.Mul(boxes, 0.0), axis=2)
    for rank in range(ranks):
        kind = op.Squeeze(op.Slice(state, [0], [1], [2]), [2])
        count = op.Squeeze(op.Slice(state, [1], [2], [2]), [2])
        mass = op.Squeeze(op.Slice(state, [2], [3], [2]), [2])
        sums = op.Slice(state, [3], [7], [2])
        box = op.Unsqueeze(op.Gather(boxes, rank, axis=1), [1])
        score = op.Unsqueeze(op.Gather(scores, rank, axis=1), [1])
        label = op.Cast(op.Unsqueeze(op.Gather(labels, rank, axis=1), [1]), to=1)
        fused = op.Div(sums, op.Max(op.Unsqueeze(mass, [2]), 1e-12))
        first = op.Max(op.Slice(box, [0], [2], [2]), op.Slice(fused, [0], [2], [2]))
        last = op.Min(op.Slice(box, [2], [4], [2]), op.Slice(fused, [2], [4], [2]))
        common = op.ReduceProd(op.Max(op.Sub(last, first), 0.0), [2], keepdims=0)
        own = op.Sub(op.Slice(box, [2], [4], [2]), op.Slice(box, [0], [2], [2]))
        other = op.Sub(op.Slice(fused, [2], [4], [2]), op.Slice(fused, [0], [2], [2]))
        areas = op.Add(op.ReduceProd(own, [2], keepdims=0), op.ReduceProd(other, [2], keepdims=0))
        iou = op.Div(common, op.Max(op.Sub(areas, common), 1e-12))
        iou = op.Where(op.Equal(kind, label), iou, -1.0)
        joins = op.Greater(op.ReduceMax(iou, [1], keepdims=1), limit)
        made = op.ReduceSum(op.Cast(op.Greater(count, 0.0), to=7), [1], keepdims=1)
        where = op.Where(joins, op.ArgMax(iou, axis=1, keepdims=1), made)
        here = op.Equal(places, where)
        share = op.Unsqueeze(op.Cast(here, to=1), [2])
        weight = op.Unsqueeze(score, [2])
        state = op.Concat(
            op.Unsqueeze(op.Where(here, label, kind), [2]),
            op.Add(op.Unsqueeze(count, [2]), share),
            op.Add(op.Unsqueeze(mass, [2]), op.Mul(share, weight)),
            op.Add(sums, op.Mul(share, op.Mul(weight, box))),
            axis=2,
        )
    return (
        op.Cast(op.Squeeze(op.Slice(state, [0], [1], [2]), [2]), to=7),
        op.Squeeze(op.Slice(state, [1], [2], [2]), [2]),
        op.Squeeze(op.Slice(state, [2], [3], [2]), [2]),
        op.Slice(state, [3], [7], [2]),
    )
