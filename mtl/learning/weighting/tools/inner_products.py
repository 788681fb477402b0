"""Inner products of gradients that stay lists of tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.task_gradients import Row


def gramian(rows: Sequence[Row], like: Tensor) -> Tensor:
    """Inner products of m rows.

    Tensor by tensor, while the tensors are in the cache; one matrix of all rows would double the
    memory that gradients take.

    Args:
        rows: m lists of the same length; None counts as zeros.
        like: says on which device the result is to be.

    Returns:
        (m, m) float32, symmetric.
    """
    count = len(rows)
    if count == 0 or not rows[0]:
        return torch.zeros((count, count), device=like.device)
    zero = torch.zeros((), device=like.device)
    products: list[Tensor] = []
    columns = list(zip(*rows, strict=True))
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    for column in columns:
        for i, j in pairs:
            a, b = column[i], column[j]
            products.append(zero if a is None or b is None else inner(a, b))
    sums = torch.stack(products).view(len(columns), len(pairs)).sum(0)
    i, j = torch.triu_indices(count, count, device=like.device)
    result = torch.zeros((count, count), dtype=sums.dtype, device=like.device)
    result[i, j] = sums
    result[j, i] = sums
    return result


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of two tensors of one shape, at least in float32."""
    if a.dtype in (torch.float16, torch.bfloat16):
        a, b = a.float(), b.float()
    if a.stride() == b.stride() and _dense(a):
        size = (a.numel(),)
        return torch.dot(a.as_strided(size, (1,)), b.as_strided(size, (1,)))
    return (a * b).sum()


def _dense(x: Tensor) -> bool:
    return x.is_contiguous() or (x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last))
