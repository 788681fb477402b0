"""Raw outputs of several streams: a head's tensor, or its dict of tensors, row blocks of it."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from mtl.model.views.base import blocks


def split(raw: Any, streams: int) -> list[Any]:
    """Raw output for S·n rows, stream by stream, to S outputs for n rows.

    Args:
        raw: a Tensor or a dict of Tensors.
        streams: S.
    """
    if isinstance(raw, Tensor):
        return blocks(raw, streams)
    shares = {name: blocks(value, streams) for name, value in raw.items()}
    return [{name: share[s] for name, share in shares.items()} for s in range(streams)]


def together(raws: Sequence[Any], join: Callable[[Sequence[Tensor]], Tensor]) -> Any:
    """Several raw outputs to one of the same form.

    Args:
        raws: each a Tensor, or each a dict of Tensors with the same keys.
        join: of tensors that correspond.
    """
    if isinstance(raws[0], Tensor):
        return join(raws)
    return {name: join([raw[name] for raw in raws]) for name in raws[0]}
