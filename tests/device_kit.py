"""A GPU that isn't there: what a step makes the processor wait for, and which kernels it needs.

Tensors on the pretended GPU have shapes and no values, so whatever asks for a value raises; those
on the CPU are real.
"""

from collections.abc import Callable, Iterable
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
VALUES = {
    str(operation)
    for packet in (
        aten._local_scalar_dense,
        aten.item,
        aten.is_nonzero,
        aten.nonzero,
        aten.equal,
        aten.masked_select,
        aten.unique_consecutive,
        aten.unique_dim,
        aten._unique,
        aten._unique2,
        aten.bincount,
    )
    for operation in (getattr(packet, name) for name in packet.overloads())
}
"""Operations that look at values, or whose result has as many items as the values say."""
CHANGING = {
    f"aten.{name}.default"
    for name in (
        "_adaptive_avg_pool2d_backward",
        "_adaptive_avg_pool3d_backward",
        "adaptive_max_pool2d_backward",
        "adaptive_max_pool3d_backward",
        "avg_pool3d_backward",
        "max_pool3d_with_indices_backward",
        "fractional_max_pool2d_backward",
        "fractional_max_pool3d_backward",
        "max_unpool2d",
        "max_unpool3d",
        "upsample_linear1d_backward",
        "upsample_bilinear2d_backward",
        "_upsample_bilinear2d_aa_backward",
        "upsample_bicubic2d_backward",
        "_upsample_bicubic2d_aa_backward",
        "upsample_trilinear3d_backward",
        "reflection_pad1d_backward",
        "reflection_pad2d_backward",
        "reflection_pad3d_backward",
        "nll_loss2d_forward",
        "nll_loss2d_backward",
        "_ctc_loss_backward",
        "grid_sampler_2d_backward",
        "grid_sampler_3d_backward",
        "put_",
        "put",
        "histc",
        "kthvalue",
        "cummax",
    )
} | {
    "aten.median.dim",
    "aten.nanmedian.dim",
    "aten.scatter_reduce.two",
    "aten.index_reduce.default",
}
"""Those that ``torch.use_deterministic_algorithms`` refuses on GPUs (from its documentation)."""


@cache
def name_of(operation: Any) -> str:
    """``aten.add.Tensor``, say, which torch puts together anew each time."""
    return str(operation)


class Called(TorchDispatchMode):
    """Remembers the names of the operations that run inside."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.names.append(name_of(func))
        return func(*args, **(kwargs or {}))


class PretendedGPU(FakeTensorMode):
    """Inside, ``cuda`` is a device; ``waits`` tells what made the processor wait for it."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.waits: list[str] = []

    @cached_property
    def avoid_device_init(self) -> bool:
        """Whether there is no GPU, which the driver would be asked at each operation."""
        return super().avoid_device_init

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        leaves = tree_leaves((args, given))
        there = any(isinstance(leaf, FakeTensor) for leaf in leaves)
        asked = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
        if not there and not any(device.type == "cuda" for device in asked):
            return func(*args, **given)
        name = name_of(func)
        if there and name in VALUES:
            self.waits.append(name)
        if name.startswith(("aten.index.", "aten.index_put")):
            indices = [leaf for leaf in tree_leaves(args[1]) if isinstance(leaf, Tensor)]
            if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
                self.waits.append(f"{name} by a mask")
            if any(index.device.type == "cpu" for index in indices):
                self.waits.append(f"{name} by numbers on the CPU")
        if name in ("aten._to_copy.default", "aten.copy_.default"):
            self._copied(name, args, given, asked)
        return super().__torch_dispatch__(func, types, args, kwargs)

    def _copied(
        self, name: str, args: tuple[Any, ...], given: dict[str, Any], asked: list[torch.device]
    ) -> None:
        source = args[1] if name.startswith("aten.copy_") else args[0]
        target = asked[0] if asked else args[0].device
        waits = not (given.get("non_blocking") or (len(args) > 2 and args[2]))
        if source.device.type != target.type and source.numel() and waits:
            self.waits.append(f"a copy from {source.device.type} to {target.type}")

    def move(self, modules: Iterable[nn.Module]) -> None:
        """Put modules on the pretended GPU, without what they have learnt."""

        def moved(tensor: Tensor) -> Tensor:
            shape = tensor.size(), tensor.stride()
            return torch.empty_strided(*shape, dtype=tensor.dtype, device="cuda")

        with self:
            for module in (part for whole in modules for part in whole.modules()):
                _replace(module._parameters, lambda t: nn.Parameter(moved(t), t.requires_grad))
                _replace(module._buffers, moved)


def _replace(found: dict[str, Any], change: Callable[[Tensor], Tensor]) -> None:
    for name, tensor in found.items():
        if tensor is not None:
            found[name] = change(tensor)
