"""``trainer.compile``."""

import torch
import torch._functorch.config as functorch
from torch import nn

from mtl.config.nearest import unknown
from mtl.errors import UserError


def compile_encoder(encoder: nn.Module, chosen: bool | str, checkpointing: bool) -> None:
    """``torch.compile`` an encoder at its first call.

    Args:
        encoder: compiled in place; the names of its parameters stay.
        chosen: false for not at all, true for torch's default backend, or a backend's name.
        checkpointing: whether activations are computed again instead of kept.

    Raises:
        UserError: there is no such backend, or it would count batch statistics twice.
    """
    if chosen is False:
        return
    backend = "inductor" if chosen is True else chosen
    there = torch._dynamo.list_backends(exclude_tags=())
    if backend not in there:
        raise UserError(f"trainer.compile={backend}: {unknown('backend', backend, there)}")
    if checkpointing and backend.startswith("eager"):
        raise UserError(
            f"trainer.compile={backend} runs twice what views.checkpointing=true computes twice; "
            "choose trainer.compile=true or aot_eager"
        )
    # Weightings on gradients go backward through one graph several times.
    functorch.donated_buffer = False
    encoder.compile(backend=backend)
